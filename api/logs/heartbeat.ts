import type { Clock } from '../../lib/clock.ts';
import { OVER } from '../../lib/deadline.ts';
import { heartbeat } from './sse.ts';

/** Something goes out at least every `ms`, so that proxies keep the connection and a client that is gone is noticed. */
export async function* withHeartbeat(frames: AsyncGenerator<string>, clock: Clock, ms: number): AsyncGenerator<string> {
  let pending: Promise<IteratorResult<string>> | undefined;
  try {
    for (;;) {
      pending ??= frames.next();
      const timer = new AbortController();
      const silence = clock.sleep(ms, timer.signal).then(() => undefined);
      silence.catch(() => undefined);
      const result = await Promise.race([pending, silence]).finally(() => timer.abort(OVER));
      if (result === undefined) {
        yield heartbeat();
        continue;
      }
      pending = undefined;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    // Waits for the step under way, which the signal of the request ends.
    pending?.catch(() => undefined);
    void frames.return(undefined).catch(() => undefined);
  }
}
