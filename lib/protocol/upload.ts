import { z } from 'zod';

/**
 * Uploads of source packages and spec files at the publisher (port 5012). Errors are those of publisher.ts.
 *
 * With an upload token (aud kopr-upload, under the key of KOPR_UPLOAD_KEY_FILE; without that key the path does not exist):
 *   POST /v1/uploads?name=N    raw bytes → 200 StoredUpload; 400 InvalidName, 413 TooLarge, 507 DiskFull
 * With a control token:
 *   GET    /v1/uploads         → UploadList
 *   DELETE /v1/uploads/{id}    → 204, also when there is none; with an upload token of the user whose it is, too (else 403)
 * The file is served at `<origin of the results>/tmp/<id>/<name>`: whoever knows the id can read it.
 */

/** Of a file as it is stored: one plain name, which no path, no option and no hidden file can be made of. */
export const uploadNamePattern = /^[A-Za-z0-9][A-Za-z0-9._+~^-]{0,200}\.((no)?src\.rpm|spec)$/;

export const uploadId = z.string().regex(/^[0-9a-f]{32}$/);

export const storedUpload = z.strictObject({
  id: uploadId,
  name: z.string().regex(uploadNamePattern),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type StoredUpload = z.infer<typeof storedUpload>;

export const listedUpload = storedUpload.extend({
  /** RFC 3339. */
  createdAt: z.iso.datetime(),
});
export type ListedUpload = z.infer<typeof listedUpload>;

export const uploadList = z.strictObject({ uploads: z.array(listedUpload) });

/**
 * The name under which a file is stored that a client calls `given`: the last part of a path (of either kind), with the ending in lower
 * case and an underscore for each run of what no name may have. Undefined when the file is none of the three kinds.
 */
export function uploadNameFor(given: string): string | undefined {
  const last = given.split(/[/\\]/).at(-1) ?? '';
  const [, stem = '', ending = ''] = /^(.*)(\.nosrc\.rpm|\.src\.rpm|\.spec)$/isu.exec(last) ?? [];
  const clean = stem
    .replaceAll(/[^A-Za-z0-9._+~^-]+/g, '_')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 200);
  const name = `${clean}${ending.toLowerCase()}`;
  return uploadNamePattern.test(name) ? name : undefined;
}

/** Path below the origin of the results server. */
export function uploadPath({ id, name }: Pick<StoredUpload, 'id' | 'name'>): string {
  return `/tmp/${id}/${encodeURIComponent(name)}`;
}
