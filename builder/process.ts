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

/** Resolves with the exit code of the process. */
export type Command = (context: Process) => Promise<number>;
