import { RetryableError } from './errors.ts';
import { run } from './process.ts';

/**
 * Configuration every git here runs with, given by environment so that nothing on the machine or in a repository
 * overrides it: no hooks, no foreign configuration, everything synced to disk before it is relied upon.
 */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['safe.directory', '*'],
  ['core.fsync', 'all'],
  ['core.fsyncMethod', 'fsync'],
  ['gc.autoDetach', 'false'],
  ['gc.auto', '1000'],
  ['pack.threads', '1'],
  ['pack.windowMemory', '64m'],
  ['http.receivepack', 'false'],
  ['http.getanyfile', 'false'],
  // A builder fetches one commit by its id, without history.
  ['uploadpack.allowAnySHA1InWant', 'true'],
];

export function gitEnv(): Record<string, string> {
  const env: Record<string, string> = {
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(SETTINGS.length),
  };
  for (const [index, [key, value]] of SETTINGS.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return env;
}

export interface GitOptions {
  signal: AbortSignal;
  env?: Readonly<Record<string, string>>;
  input?: string | Buffer;
}

/** Standard output of a git command that succeeded; rejects with RetryableError `GitFailed` otherwise. */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await run('git', args, {
    ...options,
    env: { ...gitEnv(), ...options.env },
    maxOutput: 16 * 1024 * 1024,
  });
  if (exitCode === 0) return stdout;
  const command = args.find((arg) => !arg.startsWith('-')) ?? '';
  throw new RetryableError('GitFailed', `git ${command} failed with ${exitCode}: ${stderr.trim().slice(0, 500)}`);
}
