import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import type { LiveLog } from '../live-log.ts';
import type { FetchContext } from '../sources/download.ts';
import { createDispatcher } from '../sources/download.ts';

/** Real time, but whoever sleeps is woken at once: back-off is counted, not waited for. */
export function impatientClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
    slept,
    sleep: (ms, signal) => {
      slept.push(ms);
      return systemClock.sleep(1, signal);
    },
  };
}

/** A clock that runs a thousand times as fast: limits of hours pass in seconds. */
export function hastyClock(): Clock {
  const begun = systemClock.monotonic();
  return {
    now: () => systemClock.now(),
    monotonic: () => begun + (systemClock.monotonic() - begun) * 1000,
    sleep: (ms, signal) => systemClock.sleep(ms / 1000, signal),
  };
}

export function memoryLog(): LiveLog & { text(): string } {
  const lines: string[] = [];
  return {
    say: (sentence) => void lines.push(`kopr: ${sentence}`),
    line: (text) => void lines.push(text),
    close: () => {},
    text: () => lines.join('\n'),
  };
}

export type TestContext = FetchContext & {
  log: ReturnType<typeof memoryLog>;
  clock: ReturnType<typeof impatientClock>;
};

export function fetchContext(overrides: Partial<FetchContext> = {}): TestContext {
  return {
    random: () => 0,
    dispatcher: createDispatcher(),
    signal: AbortSignal.timeout(60_000),
    maxSourceBytes: 10_000_000,
    server: 'stranger',
    ...overrides,
    log: memoryLog(),
    clock: impatientClock(),
  };
}

/** A directory that is gone after `use`. */
export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'kopr-builder-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

const execute = promisify(execFile);

/** Runs a program for the arrangement of a test, and rejects with its output when it fails. */
export async function tool(cwd: string, command: string, ...args: string[]): Promise<string> {
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: cwd,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Test',
    GIT_AUTHOR_EMAIL: 'test@example.org',
    GIT_COMMITTER_NAME: 'Test',
    GIT_COMMITTER_EMAIL: 'test@example.org',
  };
  return (await execute(command, args, { cwd, env, maxBuffer: 64 * 1024 ** 2 })).stdout.trim();
}
