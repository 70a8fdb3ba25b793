import { TerminalError } from '../../lib/errors.ts';
import type { RunResult } from '../exec.ts';
import { run } from '../exec.ts';
import { Refusal } from '../retry.ts';
import type { FetchContext } from './download.ts';
import { firstError, gitFailure } from './git-errors.ts';
import { showURL } from './urls.ts';

export interface GitContext extends FetchContext {
  /** HOME and temporary files of git. */
  scratch: string;
}

const COMMAND_MS = 30 * 60_000;

/** Given to every git: a hostile repository must get no program run, no file of the pod read and no other protocol used. */
const OPTIONS = [
  'protocol.file.allow=never',
  'protocol.ext.allow=never',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.protectNTFS=true',
  'core.protectHFS=true',
  'submodule.fetchJobs=2',
  'http.lowSpeedLimit=1000',
  'http.lowSpeedTime=60',
  'credential.helper=',
  'advice.detachedHead=false',
  'gc.auto=0',
].flatMap((option) => ['-c', option]);

/** Runs git with the arguments and, for this once, more settings. Resolves and rejects as `run` does. */
export function git(
  args: readonly string[],
  context: GitContext,
  cwd: string,
  settings: readonly [string, string][] = [],
): Promise<RunResult> {
  return run('git', [...OPTIONS, ...args], {
    what: `git ${args[0]}`,
    cwd,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: context.scratch,
      LC_ALL: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      // Also for submodules, whatever their URLs say.
      GIT_ALLOW_PROTOCOL: 'http:https',
      GIT_LFS_SKIP_SMUDGE: '1',
      // The checkout may belong to another user id of the pod's volume.
      ...configuration([['safe.directory', '*'], ...settings]),
    },
    timeoutMs: COMMAND_MS,
    signal: context.signal,
    onLine: (line) => context.log.line(line),
  });
}

/** Throws for a git that failed: TerminalError or Refusal where another try is pointless. */
export function must(result: RunResult, url: URL, context: GitContext): void {
  if (result.code === 0) return;
  const failure = gitFailure(result.output);
  const why = firstError(result.output);
  if (failure === 'transient') throw new Error(why);
  if (failure === 'refused' && context.server === 'own') throw new Refusal(why);
  throw new TerminalError('GitFetchFailed', `${showURL(url)} could not be cloned: ${why}`);
}

/**
 * Settings that show the token to this repository alone. git gets them by its environment: its arguments can be read by
 * every process of the machine, and a configuration file would be left to the next container.
 */
export function authorization(url: URL, context: GitContext): [string, string][] {
  if (context.token === undefined) return [];
  return [
    [`http.${url.href}.extraHeader`, `Authorization: Bearer ${context.token}`],
    // curl would take the header along to wherever the server points.
    ['http.followRedirects', 'false'],
  ];
}

function configuration(settings: readonly [string, string][]): Record<string, string> {
  const pairs = settings.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(pairs) };
}
