import type { Clock } from '../../lib/clock.ts';
import { DeadlineError } from '../../lib/errors.ts';

/**
 * Runs `work` with a signal that aborts after `ms` with a DeadlineError naming `what`, or with the parent's reason.
 * Resolves or rejects only when `work` itself has ended: nothing goes on behind the caller's back.
 */
export async function withDeadline<T>(
  clock: Clock,
  what: string,
  ms: number,
  parent: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const expiry = new AbortController();
  const timer = new AbortController();
  const signal = AbortSignal.any([parent, expiry.signal]);
  const waiting = clock.sleep(ms, timer.signal).then(
    () => expiry.abort(new DeadlineError(what, ms)),
    () => undefined,
  );
  try {
    signal.throwIfAborted();
    return await work(signal);
  } catch (error) {
    // Whatever the interrupted step made of it, the reason of the interruption is what people need to read.
    throw signal.aborted ? signal.reason : error;
  } finally {
    timer.abort();
    await waiting;
  }
}
