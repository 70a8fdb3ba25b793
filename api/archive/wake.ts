import type { Clock } from '../../lib/clock.ts';

/** Wakes one sleeper, and remembers a wake-up that came while nobody slept. */
export class Wake {
  private awake = false;
  private resolve: (() => void) | undefined;

  now(): void {
    this.awake = true;
    this.resolve?.();
  }

  /** Resolves when woken, or after `ms`. Rejects with the signal's reason. */
  async sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.awake) {
      const timer = new AbortController();
      const stop = (): void => timer.abort(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      const woken = new Promise<void>((resolve) => {
        this.resolve = resolve;
      });
      try {
        await Promise.race([woken, clock.sleep(ms, timer.signal).catch(() => undefined)]);
      } finally {
        this.resolve = undefined;
        timer.abort(WOKEN);
        signal.removeEventListener('abort', stop);
      }
    }
    signal.throwIfAborted();
    this.awake = false;
  }
}

const WOKEN = new Error('woken');
