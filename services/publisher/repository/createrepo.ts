import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';

const execute = promisify(execFile);
const TIMEOUT_MS = 30 * 60_000;

export interface CreaterepoRun {
  /** Directory the package paths are relative to. */
  directory: string;
  /** Where `repodata/` is made, or updated from what it is. */
  output: string;
  /** File with one package path per line: the whole repository. */
  packageList: string;
  /** Take over what the `repodata/` in `output` says of packages that are in it. */
  update: boolean;
  /** Trust that files already known are unchanged. */
  skipStat: boolean;
  workers: number;
  /** Stands before each path in the metadata: the way from the repository to its packages. */
  locationPrefix?: string;
  /** Absolute path of a file with groups of packages. */
  groupFile?: string;
  /** Leave out what cannot be read instead of failing. */
  tolerant: boolean;
}

/** The arguments are understood by createrepo_c 0.17 and 1.x alike; gzip is what every client since yum reads. */
export function createrepoArguments(run: CreaterepoRun): string[] {
  return [
    '--quiet',
    '--no-database',
    '--general-compress-type=gz',
    '--workers',
    String(run.workers),
    '--error-exit-val',
    '--pkglist',
    run.packageList,
    '--outputdir',
    run.output,
    ...(run.locationPrefix === undefined ? [] : ['--location-prefix', run.locationPrefix]),
    ...(run.groupFile === undefined ? [] : ['--groupfile', run.groupFile]),
    ...(run.update ? ['--update'] : []),
    ...(run.update && run.skipStat ? ['--skip-stat'] : []),
    run.directory,
  ];
}

/** What execFile rejects with. */
const execFailure = z.object({
  stderr: z.string().optional(),
  code: z.union([z.number(), z.string()]).nullish(),
  signal: z.string().nullish(),
});

/** createrepo_c failed; the message has what it said. */
export class CreaterepoError extends Error {
  /** It could not read one of the packages, or fell over one. Anything else is trouble with the machine. */
  readonly unreadable: boolean;
  constructor(message: string, unreadable: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = 'CreaterepoError';
    this.unreadable = unreadable;
  }
}

/** Exit status for an error with single packages, asked for by --error-exit-val. */
const PACKAGE_ERROR_STATUS = 2;
const crashes: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL'];

export async function createrepo(run: CreaterepoRun, program = 'createrepo_c'): Promise<void> {
  try {
    await execute(program, createrepoArguments(run), {
      timeout: TIMEOUT_MS,
      maxBuffer: 16 * 1024 * 1024,
      // It forks nothing and needs nothing of ours; secrets in the environment are not its business.
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C.UTF-8', TMPDIR: run.output },
    });
  } catch (error) {
    const failure = execFailure.safeParse(error).data;
    // It has written the metadata of all other packages before it says so.
    if (run.tolerant && failure?.code === PACKAGE_ERROR_STATUS) return;
    const said = failure?.stderr?.trim().split('\n').slice(-5).join(' | ') ?? '';
    const unreadable = failure?.code === PACKAGE_ERROR_STATUS || crashes.includes(failure?.signal ?? '');
    throw new CreaterepoError(`createrepo_c failed: ${said === '' ? String(error) : said}`, unreadable, error);
  }
}
