import type { Clock } from '../../lib/clock.ts';

/** Remembers answers for a few seconds, and asks once for all who want the same at the same time. Failures are not kept. */
export class Expiring<Value> {
  private readonly clock: Clock;
  private readonly ms: number;
  private readonly max: number;
  private readonly entries = new Map<string, { value: Promise<Value>; until: number }>();

  /** @param ms how old an answer may be when it is given @param max how many are kept */
  constructor(clock: Clock, ms: number, max = 10_000) {
    this.clock = clock;
    this.ms = ms;
    this.max = max;
  }

  get(key: string, ask: () => Promise<Value>): Promise<Value> {
    // The age counts from before the question: what changes while it is answered must not live longer.
    const now = this.clock.monotonic();
    const known = this.entries.get(key);
    if (known !== undefined && known.until > now) return known.value;
    this.entries.delete(key);
    if (this.entries.size >= this.max) this.dropOldest();
    const value = ask();
    const entry = { value, until: now + this.ms };
    this.entries.set(key, entry);
    value.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    return value;
  }

  forget(key: string): void {
    this.entries.delete(key);
  }

  /** All live equally long, so the first to come in is the first to go. */
  private dropOldest(): void {
    const oldest = this.entries.keys().next();
    if (oldest.done !== true) this.entries.delete(oldest.value);
  }
}
