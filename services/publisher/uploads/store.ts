import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { type Clock, toTimestamp } from '../../../lib/clock.ts';
import { ifThere, makeDirectory, readIfThere, removeTree, syncDirectory, writeNewFile } from '../../../lib/durable.ts';
import {
  type ListedUpload,
  listedUpload,
  type StoredUpload,
  uploadId,
  uploadNamePattern,
} from '../../../lib/protocol/upload.ts';
import { ApiError, badRequest, diskFull } from '../api-error.ts';
import type { Metrics } from '../metrics.ts';
import type { Paths } from '../paths.ts';

export interface UploadStoreOptions {
  paths: Pick<Paths, 'uploads' | 'work' | 'trash'>;
  clock: Clock;
  metrics: Pick<Metrics, 'uploadedBytes'>;
  maxBytes: number;
  /** Free space below which nothing is taken in. */
  minFreeBytes: number;
  /** Random bytes, of the system except in tests. */
  random: (bytes: number) => Buffer;
}

export interface IncomingUpload {
  /** Of the user, as the token says. */
  user: string;
  name: string;
  /** Bytes that the request announces, if it does. */
  announced: number | undefined;
  body: Readable;
}

/** Written beside the file. The web server shows no hidden names. */
const RECORD = '.upload.json';
const record = listedUpload.extend({ user: z.string() });
/** Room on the disk is looked at again each time this much has arrived. */
const CHECK_EVERY = 64 * 1024 * 1024;

/**
 * Source packages and spec files on their way from the API to a build: `uploads/<id>/<name>`. An upload is a directory that gets its
 * name when everything in it is on disk; until then it is scratch, which the next start throws away.
 */
export class UploadStore {
  readonly #options: UploadStoreOptions;

  constructor(options: UploadStoreOptions) {
    this.#options = options;
  }

  /** Throws ApiError 400 for the name, 413 for the size, 507 when there is no room; rejects with the body's error when it breaks off. */
  async receive({ user, name, announced, body }: IncomingUpload): Promise<StoredUpload> {
    const { paths, clock, metrics, random } = this.#options;
    if (!uploadNamePattern.test(name)) {
      throw badRequest(
        'InvalidName',
        `"${name.slice(0, 100)}" is not a name of an upload: it must be a plain file name that ends in .src.rpm, .nosrc.rpm or .spec`,
      );
    }
    this.#checkSize(name, announced ?? 0);
    await this.#checkRoom(announced ?? 0);
    const id = random(16).toString('hex');
    const scratch = join(paths.work, `upload-${id}`);
    await mkdir(scratch);
    try {
      const stored = { id, name, ...(await this.#write(join(scratch, name), name, body)) };
      const content = record.parse({ ...stored, user, createdAt: toTimestamp(clock.now()) });
      await writeNewFile(join(scratch, RECORD), `${JSON.stringify(content)}\n`, 0o644);
      await syncDirectory(scratch);
      await makeDirectory(paths.uploads);
      await rename(scratch, join(paths.uploads, id));
      await syncDirectory(paths.uploads);
      metrics.uploadedBytes.inc({ kind: 'upload' }, stored.size);
      return stored;
    } finally {
      await removeTree(scratch);
    }
  }

  async list(): Promise<ListedUpload[]> {
    const { paths } = this.#options;
    const uploads: ListedUpload[] = [];
    for (const id of (await ifThere(readdir(paths.uploads))) ?? []) {
      const text = await readIfThere(join(paths.uploads, id, RECORD));
      if (text === undefined) continue;
      const { user: _, ...listed } = record.parse(JSON.parse(text.toString('utf8')));
      uploads.push(listed);
    }
    return uploads;
  }

  /** Also fine when there is none. Throws ApiError 400 for what is no id, 403 when it is another user's. */
  async delete(id: string, user?: string): Promise<void> {
    if (!uploadId.safeParse(id).success)
      throw badRequest('InvalidName', 'the id of an upload has 32 hexadecimal digits');
    const { paths, random } = this.#options;
    if (user !== undefined) {
      const text = await readIfThere(join(paths.uploads, id, RECORD));
      if (text === undefined) return;
      if (record.parse(JSON.parse(text.toString('utf8'))).user !== user)
        throw new ApiError(403, 'WrongUser', `the upload ${id} is not one of ${user}`);
    }
    // At once out of the web server's sight; what is in the trash goes with the next start at the latest.
    const doomed = join(paths.trash, `upload-${random(8).toString('hex')}`);
    await ifThere(rename(join(paths.uploads, id), doomed));
    await removeTree(doomed);
  }

  async #write(path: string, name: string, body: Readable): Promise<{ size: number; sha256: string }> {
    const hash = createHash('sha256');
    let size = 0;
    let checkAt = CHECK_EVERY;
    await using file = await open(path, 'wx', 0o644);
    // The request must outlive an error thrown here: it carries the answer.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      this.#checkSize(name, size);
      if (size >= checkAt) {
        checkAt = size + CHECK_EVERY;
        await this.#checkRoom(0);
      }
      hash.update(chunk);
      await writeAll(file, chunk);
    }
    await file.sync();
    return { size, sha256: hash.digest('hex') };
  }

  #checkSize(name: string, size: number): void {
    const { maxBytes } = this.#options;
    if (size > maxBytes) throw new ApiError(413, 'TooLarge', `the file ${name} is larger than ${maxBytes} bytes`);
  }

  async #checkRoom(wanted: number): Promise<void> {
    const { paths, minFreeBytes } = this.#options;
    const volume = await statfs(paths.work);
    if (volume.bavail * volume.bsize - wanted < minFreeBytes) throw diskFull();
  }
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
}
