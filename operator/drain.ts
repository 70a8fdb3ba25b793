import type { Clock } from '../lib/clock.ts';
import { atMost, OVER } from '../lib/deadline.ts';
import { DeadlineError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';

/** How long work that was told to stop is waited for. */
const LEFT_BEHIND_MS = 2_000;

export interface Drained {
  /** Resolves when what runs has ended; the signal tells it to. */
  drain(abort: AbortSignal): Promise<void>;
}

/** Running reconciles may end in their own time (`ms`), then they are told to stop, then they are left behind. */
export async function drain(
  controllers: readonly Drained[],
  ms: number,
  { clock, log }: { clock: Clock; log: Logger },
): Promise<void> {
  const abort = new AbortController();
  const timer = new AbortController();
  void clock.sleep(ms, timer.signal).then(
    () => abort.abort(new DeadlineError('draining of the controllers', ms)),
    () => undefined,
  );
  const drained = Promise.all(controllers.map((controller) => controller.drain(abort.signal))).then(() => true);
  if (!(await atMost(clock, ms + LEFT_BEHIND_MS, drained)))
    log.warn('left a reconcile behind that did not obey its signal');
  timer.abort(OVER);
}
