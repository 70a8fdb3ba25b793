import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { BuilderConfig } from './config.ts';

/** What every sub-command is given. */
export interface Process {
  config: BuilderConfig;
  log: Logger;
  clock: Clock;
  /** 0 ≤ n < 1. */
  random: () => number;
  /** Aborted by SIGTERM. */
  ending: AbortSignal;
}

/** Resolves when the process is asked to end. */
export function untilEnding({ ending }: Pick<Process, 'ending'>): Promise<void> {
  if (ending.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    // A signal's listener alone does not keep a process alive.
    const alive = setInterval(() => undefined, 60_000);
    ending.addEventListener(
      'abort',
      () => {
        clearInterval(alive);
        resolve();
      },
      { once: true },
    );
  });
}

/** Resolves with the exit code of the process. */
export type Command = (context: Process) => Promise<number>;
