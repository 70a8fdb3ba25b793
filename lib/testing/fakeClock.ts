/** A clock that stands still until a test moves it. */
import type { Clock } from '../clock.ts';

interface Sleeper {
  at: number;
  serial: number;
  wake: () => void;
}

export class FakeClock implements Clock {
  private wall: number;
  private mono = 0;
  private serial = 0;
  private readonly sleepers = new Set<Sleeper>();

  /** @param startMs wall clock at the beginning; default 2026-01-01T00:00:00Z */
  constructor(startMs = 1_767_225_600_000) {
    this.wall = startMs;
  }

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.mono;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      this.serial += 1;
      const sleeper: Sleeper = {
        at: this.mono + Math.max(0, ms),
        serial: this.serial,
        wake: () => {
          this.sleepers.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Sleeps under way: what a test must not leave behind. */
  get sleeping(): number {
    return this.sleepers.size;
  }

  /** Milliseconds until the next sleeper wakes, or undefined. */
  get nextIn(): number | undefined {
    const next = this.next(Number.POSITIVE_INFINITY);
    return next ? next.at - this.mono : undefined;
  }

  /** Moves both clocks on, waking sleepers at their times and letting what they start run in between. */
  async advance(ms: number): Promise<void> {
    const end = this.mono + ms;
    await settle();
    for (let next = this.next(end); next; next = this.next(end)) {
      this.moveTo(next.at);
      next.wake();
      await settle();
    }
    this.moveTo(end);
    await settle();
  }

  /** The wall clock jumps (NTP, an administrator); the monotonic clock does not notice. */
  jump(ms: number): void {
    this.wall += ms;
  }

  private moveTo(mono: number): void {
    const step = mono - this.mono;
    this.mono = mono;
    this.wall += step;
  }

  private next(limit: number): Sleeper | undefined {
    let best: Sleeper | undefined;
    for (const sleeper of this.sleepers) {
      if (sleeper.at > limit) continue;
      if (!best || sleeper.at < best.at || (sleeper.at === best.at && sleeper.serial < best.serial)) best = sleeper;
    }
    return best;
  }
}

/** Lets promise callbacks that are ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
