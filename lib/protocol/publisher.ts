import { z } from 'zod';
import { verdict } from './task.ts';

/**
 * HTTP API of the publisher (port 5012, JSON). Errors are `{error: {code, message}}` with a 4xx/5xx status.
 *
 * With a task token (aud kopr-task, sub must equal {task}):
 *   POST /v1/tasks/{task}/log/{name}?offset=N   raw bytes   → 200 {size}; offset beyond the end → 409 {size}
 *   PUT  /v1/tasks/{task}/files/{name}          raw bytes, header x-kopr-sha256 → 200 {size}; same content again is fine
 *   POST /v1/tasks/{task}/complete              TaskManifest → 200; identical again is fine, different → 409
 *   all three: 409 DirectoryInUse, another build has the results directory; 410, the task was given up. Both are for ever.
 * With a control token:
 *   GET    /v1/tasks/{task}                     → TaskState
 *   DELETE /v1/tasks/{task}                     forgets what a lost attempt has sent → 204
 *   PUT    /v1/publications/{task}?wait=S       PublicationRequest → 200 Publication, or 202 while it is under way
 *   PUT    /v1/projects/{owner}/{project}?wait=S  RepositoryRequest → 200 ProjectRepositories, or 202
 *   DELETE /v1/projects/{owner}/{project}?wait=S  → 204, or 202; of a project, also all its directories `{project}:…`
 *   PUT    /v1/removals/{name}?wait=S           RemovalRequest → 200 RemovalDone, or 202 while it is under way
 * {project} is the name of a project or of a directory of one, as in `hello:pr:7`: each has a tree and repositories of its own, and the
 * key of the project. A directory of a deleted project is refused with 410 until the project itself is made again.
 * Every PUT and DELETE may be repeated at any time and by any number of callers.
 */

export const resultFile = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+~^-]{0,254}$/),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ResultFile = z.infer<typeof resultFile>;

export const taskManifest = z.strictObject({
  verdict,
  files: z.array(resultFile).max(2000),
});
export type TaskManifest = z.infer<typeof taskManifest>;

export const taskState = z.strictObject({
  state: z.enum(['none', 'receiving', 'complete']),
  manifest: taskManifest.optional(),
});
export type TaskState = z.infer<typeof taskState>;

export const builtPackage = z.strictObject({
  name: z.string(),
  epoch: z.int().min(0),
  version: z.string(),
  release: z.string(),
  arch: z.string(),
});

export const publicationRequest = z.strictObject({
  owner: z.string(),
  project: z.string(),
  chroot: z.string(),
  /** Directory below `owner/project/chroot`: `00000001-hello`, or `00000001` for a source build. */
  directory: z.string(),
  stage: z.enum(['source', 'binary']),
  build: z.int().positive(),
  /** RPM architecture of the chroot; packages of another one (but noarch and its kin) are refused. */
  architecture: z.string().optional(),
});
export type PublicationRequest = z.infer<typeof publicationRequest>;

/** What became of an upload. For a failed build the logs are published, and nothing else. */
export const publication = z.strictObject({
  state: z.literal('done'),
  verdict,
  packages: z.array(builtPackage),
  /** Generation of the public repository that first has these packages; absent for source and failed builds, and in devel mode. */
  generation: z.int().optional(),
  /** Source stage: the SRPM. `path` is relative to the results root. */
  srpm: z.strictObject({ path: z.string(), sha256: z.string(), size: z.int() }).optional(),
});
export type Publication = z.infer<typeof publication>;

export const working = z.strictObject({ state: z.literal('working'), note: z.string() });

export const repositoryRequest = z.strictObject({
  chroots: z.array(
    z.strictObject({
      name: z.string(),
      architecture: z.string(),
      /** Content of comps.xml, shown with the metadata. */
      comps: z.string().max(1_048_576).optional(),
    }),
  ),
  /**
   * Publications change `<chroot>/devel/repodata` only. The public metadata stays as it is until `regenerate` asks for it, or until
   * devel mode ends. Default false.
   */
  develMode: z.boolean().optional(),
  /** Any text that was not sent before: the public metadata of all these chroots is made anew from all that is published, once. */
  regenerate: z.string().max(1024).optional(),
  /** Written into the `.repo` files. */
  repoFile: z.strictObject({
    priority: z.int().min(1).max(99).optional(),
    moduleHotfixes: z.boolean(),
  }),
});
export type RepositoryRequest = z.infer<typeof repositoryRequest>;

export const projectRepositories = z.strictObject({
  state: z.literal('done'),
  publicKeyFingerprint: z.string(),
  chroots: z.array(
    z.strictObject({
      name: z.string(),
      /** Of the public repository, as the number of packages. */
      generation: z.int(),
      packages: z.int(),
      repoURL: z.string(),
      repoFileURL: z.string(),
      /** In devel mode: the repository of everything that is published. */
      develURL: z.string().optional(),
    }),
  ),
  publicKeyURL: z.string(),
  /** The `regenerate` of the request, which is done. */
  regenerated: z.string().optional(),
});
export type ProjectRepositories = z.infer<typeof projectRepositories>;

export const removalRequest = z.strictObject({
  owner: z.string(),
  /** Name of the project; its directories are gone through, too. */
  project: z.string(),
  builds: z.array(z.int().positive()).min(1).max(10_000),
});
export type RemovalRequest = z.infer<typeof removalRequest>;

/** Nothing of these builds is in the project, and nothing of them will be taken in or published again. */
export const removalDone = z.strictObject({
  state: z.literal('done'),
  /** Results directories that were removed. */
  removed: z.int().min(0),
});
export type RemovalDone = z.infer<typeof removalDone>;

export const apiError = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
