import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import { fileNameProblem } from '../../lib/lookaside/file-name.ts';
import type { RunResult } from '../exec.ts';
import { run } from '../exec.ts';
import type { FetchContext } from './download.ts';
import { download } from './download.ts';
import type { FetchedSource } from './fetched.ts';
import { isSourcePackage } from './fetched.ts';
import { firstRpmError } from './rpm-errors.ts';
import { remoteSources } from './spec-sources.ts';

export interface SrpmContext extends FetchContext {
  sourcesDir: string;
  /** Scratch space, also HOME of rpm. */
  scratch: string;
  resultsDir: string;
}

const COMMAND_MS = 10 * 60_000;
/**
 * Bytes, of each process that is there while a spec is read for the first time. Without it a greedy spec meets the limit of
 * the container, which ends the pod, and that looks as if the task had not been tried.
 */
const MAX_SPEC_MEMORY = 1024 ** 3;
const MAX_REMOTE_SOURCES = 500;

/**
 * Puts the SRPM of the fetched source, and its spec file, into the results directory. Resolves with the SRPM's name. Rejects with TerminalError
 * `NotAnSrpm`, `SpecInvalid`, `SrpmBuildFailed`, or as `download` does for a source the spec names by URL.
 *
 * A spec may run any program while it is read. That is why this runs in the untrusted container, as an ordinary user,
 * without any credential, with a limit of time for each tool, of memory for reading, and of what is kept of the output.
 */
export async function makeSrpm(source: FetchedSource, context: SrpmContext): Promise<string> {
  await mkdir(context.scratch, { recursive: true });
  const input = join(context.sourcesDir, source.file);
  const srpm = source.kind === 'srpm' ? input : await buildSrpm(input, context);
  const nvr = await checkSrpm(srpm, context);
  const name = source.kind === 'srpm' ? basename(source.file) : basename(srpm);
  await copyFile(srpm, join(context.resultsDir, name));
  await copySpec(srpm, context);
  context.log.say(`source package ${name} (${nvr})`);
  return name;
}

async function buildSrpm(spec: string, context: SrpmContext): Promise<string> {
  const sources = dirname(spec);
  const top = join(context.scratch, 'srpm');
  await rm(top, { recursive: true, force: true });
  await mkdir(top, { recursive: true });
  const defines = define({
    _topdir: top,
    _sourcedir: sources,
    _srcrpmdir: join(top, 'SRPMS'),
    _tmppath: top,
    dist: '%{nil}',
    _disable_source_fetch: '1',
  });
  context.log.say(`phase sources of ${basename(spec)}`);
  const limits = [`--data=${MAX_SPEC_MEMORY}`, '--core=0', '--'];
  const expanded = await tool('prlimit', [...limits, 'rpmspec', ...defines, '-P', spec], context, sources, false);
  if (expanded.code !== 0) {
    if (/memory alloc \(\d+ bytes\) returned NULL|not enough memory/.test(expanded.output)) {
      throw new TerminalError(
        'SpecInvalid',
        `${basename(spec)} takes more than ${MAX_SPEC_MEMORY / 1024 ** 2} MiB of memory to read; look at its macros`,
      );
    }
    throw new TerminalError('SpecInvalid', `${basename(spec)} cannot be read: ${firstRpmError(expanded.output)}`);
  }
  await downloadMissing(expanded.stdout, sources, context);
  context.log.say('phase srpm');
  const built = await tool('rpmbuild', [...defines, '-bs', '--nodeps', spec], context, sources, true);
  if (built.code !== 0) {
    throw new TerminalError('SrpmBuildFailed', `rpmbuild -bs ${basename(spec)} failed: ${firstRpmError(built.output)}`);
  }
  const made = (await readdir(join(top, 'SRPMS'))).filter(isSourcePackage);
  const [only, ...others] = made;
  if (only === undefined || others.length > 0) {
    throw new TerminalError(
      'SrpmBuildFailed',
      `rpmbuild -bs ${basename(spec)} made ${made.length} source packages; expected one`,
    );
  }
  return join(top, 'SRPMS', only);
}

async function downloadMissing(expandedSpec: string, directory: string, context: SrpmContext): Promise<void> {
  const remote = remoteSources(expandedSpec);
  if (remote.length > MAX_REMOTE_SOURCES) {
    throw new TerminalError(
      'SpecInvalid',
      `the spec names ${remote.length} sources by URL; at most ${MAX_REMOTE_SOURCES} are fetched`,
    );
  }
  let left = context.maxSourceBytes;
  for (const { url, file } of remote) {
    const problem = fileNameProblem(file);
    if (problem !== undefined)
      throw new TerminalError('SpecInvalid', `the source "${url}" has a file name that ${problem}`);
    const target = join(directory, file);
    if (await exists(target)) continue;
    // The limit holds for the sum: the SRPM they go into has the same one.
    left -= await download({ url, target }, { ...context, maxSourceBytes: left });
  }
}

/** Resolves with name-version-release. */
async function checkSrpm(path: string, context: SrpmContext): Promise<string> {
  const format = '%{SOURCEPACKAGE}\n%{NAME}-%{VERSION}-%{RELEASE}\n';
  const query = await tool('rpm', ['-qp', '--nosignature', '--qf', format, path], context, context.scratch, false);
  const [isSource, nvr] = query.stdout.split('\n');
  if (query.code !== 0 || nvr === undefined) {
    throw new TerminalError('NotAnSrpm', `${basename(path)} is not an RPM package: ${firstRpmError(query.output)}`);
  }
  if (isSource !== '1')
    throw new TerminalError('NotAnSrpm', `${basename(path)} is a binary RPM package, not a source package`);
  const digests = await tool('rpm', ['-K', '--nosignature', path], context, context.scratch, false);
  if (digests.code !== 0)
    throw new TerminalError('NotAnSrpm', `${basename(path)} is damaged: its digests do not match`);
  return nvr;
}

async function copySpec(srpm: string, context: SrpmContext): Promise<void> {
  const top = join(context.scratch, 'unpack');
  await rm(top, { recursive: true, force: true });
  await mkdir(top, { recursive: true });
  // rpm itself, because it checks the names in the archive; nothing is written to any rpm database for a source package.
  const defines = define({ _topdir: top, _dbpath: join(top, 'db') });
  const result = await tool('rpm', [...defines, '-i', '--nosignature', srpm], context, top, false);
  const directory = join(top, 'SPECS');
  const specs = result.code === 0 ? (await readdir(directory)).filter((name) => name.endsWith('.spec')) : [];
  const [only, ...others] = specs;
  if (only === undefined || others.length > 0) {
    throw new TerminalError(
      'NotAnSrpm',
      `${basename(srpm)} holds ${specs.length} spec files; a source package has exactly one`,
    );
  }
  await copyFile(join(directory, only), join(context.resultsDir, only));
}

function tool(
  command: string,
  args: readonly string[],
  context: SrpmContext,
  cwd: string,
  echo: boolean,
): Promise<RunResult> {
  return run(command, args, {
    what: `${command === 'prlimit' ? 'rpmspec' : command} ${args.at(-1)}`,
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: context.scratch, TMPDIR: context.scratch, LC_ALL: 'C.UTF-8' },
    timeoutMs: COMMAND_MS,
    signal: context.signal,
    ...(echo ? { onLine: (line: string) => context.log.line(line) } : {}),
  });
}

function define(macros: Record<string, string>): string[] {
  return Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
