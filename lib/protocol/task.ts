import { z } from 'zod';

/**
 * The task document: everything a builder pod needs to know about its one job. The Builder controller writes it
 * as `task.json` into a Secret of the builds namespace; the pod's containers read it, none of them writes it.
 */

/** Seconds on top of a build's own time limit after which its pod is ended, whatever it is at: nothing is tried again then. */
export const POD_FAILSAFE_SECONDS = 3600;

/** Directory name of source builds in the results tree, as in Copr. */
export const SOURCE_CHROOT = 'srpm-builds';

/** A dnf repository that is visible while a chroot is prepared. */
export const taskRepo = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$/),
  name: z.string().max(256),
  baseurl: z.string().max(2048),
  gpgcheck: z.boolean(),
  gpgkey: z.string().max(2048).optional(),
  priority: z.int().min(1).max(99).optional(),
  moduleHotfixes: z.boolean().optional(),
  /** A repository that may be missing (the project's own, before its first build) must not fail the build. */
  skipIfUnavailable: z.boolean(),
});
export type TaskRepo = z.infer<typeof taskRepo>;

export const linkSource = z.strictObject({ url: z.string() });
/** A file that was sent to the API; the publisher keeps it. A source package, or a spec file whose sources are fetched as it says. */
export const uploadSource = z.strictObject({
  /** Where the publisher's web server has it, e.g. `http://kopr-results.kopr-system:5002/tmp/<id>/<name>`. */
  url: z.string(),
  name: z
    .string()
    .max(255)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._+~^-]*$/),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type UploadSource = z.infer<typeof uploadSource>;

export const gitSource = z.strictObject({
  url: z.string(),
  committish: z.string().optional(),
  subdirectory: z.string().optional(),
  spec: z.string().optional(),
});

export const sourceStage = z.strictObject({
  link: linkSource.optional(),
  git: gitSource.optional(),
  upload: uploadSource.optional(),
});
export type SourceStage = z.infer<typeof sourceStage>;

export const binaryStage = z.strictObject({
  packageName: z.string(),
  /** Git repository on distgit, e.g. `http://kopr-distgit.kopr-system:5001/git/<owner>/<project>/<package>`. */
  repoURL: z.string(),
  /** Full commit id to build. */
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  /** Lookaside base, e.g. `http://kopr-distgit.kopr-system:5001/repo/pkgs/<owner>/<project>/<package>`;
   *  a file is at `<base>/<filename>/<hashtype>/<hash>/<filename>`. */
  lookasideURL: z.string(),
  /** RPM architecture of the chroot, e.g. `x86_64`, `i386`. */
  architecture: z.string(),
  /** Besides `repos`, are the repositories used that the chroot's image is configured with? */
  imageRepos: z.boolean(),
  repos: z.array(taskRepo),
  /** Packages installed besides BuildRequires, e.g. `buildsys-build`. */
  buildrootPackages: z.array(z.string()),
  /** Module streams to enable, `nodejs:22`; with `!` in front, to disable. For engines that know modules. */
  modules: z.array(z.string()).optional(),
  /** May the build itself (rpmbuild) reach the network? */
  network: z.boolean(),
  /** Macros for rpmbuild, without the leading `%`: `{dist: ".pb13", vendor: "kopr - user demo"}`. */
  macros: z.record(z.string(), z.string()),
  with: z.array(z.string()),
  without: z.array(z.string()),
});
export type BinaryStage = z.infer<typeof binaryStage>;

export const taskDocument = z.strictObject({
  version: z.literal(1),
  /** `<ChrootBuild uid>.<attempt>`: unique for ever; the key of everything this task leaves anywhere. */
  task: z.string().regex(/^[0-9a-f-]{36}\.[0-9]{1,2}$/),
  owner: z.string(),
  /** Directory of the owner that the results are published to: the name of the project, or such as `hello:pr:7`. */
  project: z.string(),
  /** Numeric build id. */
  build: z.int().positive(),
  /** Chroot name, or `srpm-builds` for the source stage. */
  chroot: z.string(),
  timeoutSeconds: z.int().positive(),
  source: sourceStage.optional(),
  binary: binaryStage.optional(),
  /** Base URL of the publisher's ingest API, e.g. `http://kopr-publisher.kopr-system:5012`. */
  publisherURL: z.string(),
});
export type TaskDocument = z.infer<typeof taskDocument>;

/** What the build container reports in `/kopr/results/verdict.json`. Words of a stranger's build: bounded, never trusted. */
export const verdict = z.strictObject({
  outcome: z.enum(['succeeded', 'failed']),
  /** CamelCase, e.g. `BuildFailed`, `MissingBuildRequires`, `SourceFetchFailed`, `TimedOut`. */
  reason: z.string().regex(/^[A-Z][A-Za-z]{0,63}$/),
  /** One sentence. */
  message: z.string().max(1024),
  exitCode: z.int().min(0).max(255),
});
export type Verdict = z.infer<typeof verdict>;

/**
 * Exit code of the agent when the publisher says that another build has the results directory. The operator sees it in the
 * status of the pod: no other builder would fare better.
 */
export const AGENT_DIRECTORY_IN_USE = 20;

/** Paths inside a builder pod; the volumes are emptyDirs. */
export const podPaths = {
  /** Secret volume: `task.json` (fetch, build, agent). */
  task: '/kopr/task/task.json',
  /** Secret volume of the agent alone: the bearer token. */
  token: '/kopr/token/token',
  /** Secret volume of fetch alone: the bearer token for reading the package from distgit. May be absent. */
  sourceToken: '/kopr/source-token/token',
  /** fetch and build write: sources/, plan/, scratch. */
  work: '/kopr/work',
  /** build writes, agent reads: result files, *.log, verdict.json (written last, by rename). */
  results: '/kopr/results',
  /** agent writes, build reads: the file `uploaded` appears when everything has arrived at the publisher. */
  control: '/kopr/control',
} as const;
