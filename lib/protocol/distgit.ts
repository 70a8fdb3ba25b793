import { z } from 'zod';

/**
 * Control API of distgit (port 5011, JSON, control token). Errors are `{error: {code, message}}`.
 *   PUT    /v1/imports/{task}?wait=S            ImportRequest → 200 Import, 202 while under way, 422 when the SRPM is bad,
 *                                               410 when the project was deleted meanwhile
 *   DELETE /v1/projects/{owner}/{project}       → 204
 * Read-only (port 5001), with a source token for the package (logs: a control token), or all public:
 *   /git/{owner}/{project}/{package}[.git]      smart HTTP
 *   /repo/pkgs/{owner}/{project}/{package}/{file}/{hashtype}/{hash}/{file}   and, for md5, without {hashtype}
 *   /per-task-logs/{build}.log
 */
export const importRequest = z.strictObject({
  owner: z.string(),
  /** Name of the project in the sense of Copr, `My_Project`; builds of all its directories share its packages. */
  project: z.string(),
  build: z.int().positive(),
  srpm: z.strictObject({ url: z.string(), sha256: z.string(), size: z.int() }),
  /** One branch per distribution of the build, e.g. `pebble-13`. */
  branches: z.array(z.string()).min(1).max(100),
});
export type ImportRequest = z.infer<typeof importRequest>;

export const importResult = z.strictObject({
  state: z.literal('done'),
  package: z.strictObject({ name: z.string(), epoch: z.int(), version: z.string(), release: z.string() }),
  /** Path below /git/ and /repo/pkgs/: `owner/project/package`. */
  repo: z.string(),
  /** Commit per branch. */
  branches: z.record(z.string(), z.string()),
  exclusiveArch: z.array(z.string()),
  excludeArch: z.array(z.string()),
  /** BuildArch of the main package, e.g. `noarch`; empty when it follows the chroot. */
  buildArchs: z.array(z.string()),
});
export type ImportResult = z.infer<typeof importResult>;
