import type { Clock } from '../lib/clock.ts';

/** A key that was quiet for so long is forgotten; no pace may be longer. */
const LONGEST_MS = 60_000;

/** When keys were reconciled last, as far as it matters to changes that may be told late. */
export class Paces {
  private readonly clock: Clock;
  /** Monotonic times, the oldest first. */
  private readonly begun = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  begin(key: string): void {
    const now = this.clock.monotonic();
    this.begun.delete(key);
    this.begun.set(key, now);
    for (const [oldest, at] of this.begun) {
      if (now - at <= LONGEST_MS) return;
      this.begun.delete(oldest);
    }
  }

  /** Milliseconds until the key may be reconciled again at that pace; 0 for one that was quiet. */
  left(key: string, paceMs: number): number {
    const at = this.begun.get(key);
    return at === undefined ? 0 : Math.max(0, at + Math.min(paceMs, LONGEST_MS) - this.clock.monotonic());
  }
}
