import type { Clock } from './clock.ts';
import { DeadlineError } from './errors.ts';

export interface Deadline {
  clock: Clock;
  ms: number;
  /** Names the wait in the error, as in "GET /api/v1/pods". */
  what: string;
  /** An outer signal that ends the wait too. */
  signal?: AbortSignal | undefined;
}

/** The reason of aborts that only stop a timer nobody waits for any more. A fresh default one costs a stack trace each. */
export const OVER = new Error('the wait is over');

/**
 * Runs `work` with a signal that aborts with a DeadlineError after `ms`, or with the outer signal's reason; work that
 * fails after that fails with this reason. Ends only when `work` does: nothing goes on behind the caller's back.
 * AbortSignal.any and AbortSignal.timeout are avoided: the former keeps listeners on long-lived signals, the latter
 * cannot be held still by a test's clock.
 */
export async function withDeadline<R>(deadline: Deadline, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
  const { clock, ms, what, signal: outer } = deadline;
  const controller = new AbortController();
  const timer = new AbortController();
  const onOuterAbort = (): void => controller.abort(outer?.reason);
  outer?.throwIfAborted();
  outer?.addEventListener('abort', onOuterAbort, { once: true });
  clock.sleep(ms, timer.signal).then(
    () => controller.abort(new DeadlineError(what, ms)),
    () => undefined,
  );
  try {
    return await work(controller.signal);
  } catch (error) {
    // Whatever the interrupted step made of it, the reason of the interruption is what people need to read.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    timer.abort(OVER);
    outer?.removeEventListener('abort', onOuterAbort);
  }
}

/** What `work` gives, or undefined when it takes longer than `ms`; then it is left behind. */
export async function atMost<R>(clock: Clock, ms: number, work: Promise<R>): Promise<R | undefined> {
  const timer = new AbortController();
  try {
    return await Promise.race([work, clock.sleep(ms, timer.signal).then(() => undefined)]);
  } finally {
    timer.abort(OVER);
  }
}
