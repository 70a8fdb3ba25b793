import type { Clock } from '../lib/clock.ts';
import { TerminalError } from '../lib/errors.ts';

/**
 * A service of ours will not do it for this pod. Asking again is pointless, and yet it is not the outcome of the task:
 * the operator tries it on another builder.
 */
export class Refusal extends Error {}

export interface RetryOptions {
  /** Most tries, the first one included. */
  attempts: number;
  /** Delay before the second try; doubles up to `maxDelayMs`, with up to a quarter of jitter on top. */
  firstDelayMs: number;
  maxDelayMs: number;
  clock: Clock;
  /** 0 ≤ n < 1. */
  random: () => number;
  signal: AbortSignal;
  /** Told before each wait. */
  onRetry?: (error: unknown, delayMs: number) => void;
}

/**
 * Calls `work` until it resolves. A TerminalError, a Refusal and an aborted signal end the tries at once; after the last
 * try its error is thrown as it is.
 */
export async function retry<T>(options: RetryOptions, work: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    options.signal.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof TerminalError || error instanceof Refusal || attempt >= options.attempts) throw error;
      const delay = retryDelay(attempt, options);
      options.onRetry?.(error, delay);
      await options.clock.sleep(delay, options.signal);
    }
  }
}

export function retryDelay(
  attempt: number,
  options: Pick<RetryOptions, 'firstDelayMs' | 'maxDelayMs' | 'random'>,
): number {
  const base = Math.min(options.maxDelayMs, options.firstDelayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(base * (1 + options.random() / 4));
}
