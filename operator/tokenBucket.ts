import type { Clock } from '../lib/clock.ts';

export interface TokenBucketOptions {
  burst: number;
  /** One token comes back after this long. */
  refillMs: number;
  /** The least recently used buckets beyond this many are forgotten. */
  maxKeys: number;
}

/** One token bucket for each key. */
export class TokenBuckets {
  private readonly clock: Clock;
  private readonly options: TokenBucketOptions;
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  constructor(clock: Clock, options: TokenBucketOptions) {
    this.clock = clock;
    this.options = options;
  }

  /** True, and one token less, when there was one. */
  take(key: string): boolean {
    const { burst, refillMs, maxKeys } = this.options;
    const now = this.clock.monotonic();
    const bucket = this.buckets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs);
    const granted = tokens >= 1;
    // Reinsertion keeps the map in order of use.
    this.buckets.delete(key);
    this.buckets.set(key, { tokens: granted ? tokens - 1 : tokens, at: now });
    if (this.buckets.size > maxKeys) {
      const oldest = this.buckets.keys().next().value;
      if (oldest !== undefined) this.buckets.delete(oldest);
    }
    return granted;
  }
}
