import type { PoolPlaces } from './places.ts';

/** Seconds a builder is in use, as long as a pool has no experience. */
const BUILD_SECONDS = 300;

/**
 * How long tickets will wait, from how long builders were in use lately. A pool of n places that are in use for b
 * seconds takes up n / b tickets a second; a ticket that several pools could serve is split between them.
 */
export class Forecast {
  /** Tickets that are to be served before, by pool. */
  private readonly ahead = new Map<PoolPlaces, number>();

  /** Seconds until one more ticket that these pools could serve has its turn; undefined: they take nothing. */
  secondsFor(pools: readonly PoolPlaces[]): number | undefined {
    const rate = rateOf(pools);
    if (rate === 0) return undefined;
    let tickets = 1;
    for (const pool of pools) tickets += this.ahead.get(pool) ?? 0;
    return tickets / rate;
  }

  add(pools: readonly PoolPlaces[]): void {
    const rate = rateOf(pools);
    if (rate === 0) return;
    for (const pool of pools) this.ahead.set(pool, (this.ahead.get(pool) ?? 0) + ratePerSecond(pool) / rate);
  }
}

/** Seconds until a limit lets one more in, when so many more than it allows are running or come first. */
export function secondsUntilBelow(count: number, max: number, pools: readonly PoolPlaces[]): number | undefined {
  if (max === 0) return undefined;
  return ((count - max + 1) / max) * meanBuildSeconds(pools);
}

function meanBuildSeconds(pools: readonly PoolPlaces[]): number {
  if (pools.length === 0) return BUILD_SECONDS;
  return pools.reduce((sum, pool) => sum + buildSeconds(pool), 0) / pools.length;
}

function rateOf(pools: readonly PoolPlaces[]): number {
  let rate = 0;
  for (const pool of pools) rate += ratePerSecond(pool);
  return rate;
}

function ratePerSecond(places: PoolPlaces): number {
  return places.pool.spec.suspend ? 0 : places.pool.spec.max / buildSeconds(places);
}

function buildSeconds({ pool }: PoolPlaces): number {
  return Math.max(1, pool.status?.statistics?.buildSeconds ?? BUILD_SECONDS);
}
