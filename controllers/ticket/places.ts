import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { FreeMachines } from './machines.ts';
import { fits, isOfPods, makesMachinesFor, pausedUntil, priorityOf } from './pools.ts';
import { isActive } from './usage.ts';
import type { Wish } from './wish.ts';
import type { SchedulerWorld } from './world.ts';

/** Worth more than tags: a machine that its sandbox has used before has caches, and nobody else may have it. */
const REUSED = 500;

/** One pool during one cycle. */
export interface PoolPlaces {
  readonly pool: BuilderPool;
  /** Builders that exist, and those of them that start; pods that are to be made included. */
  active: number;
  starting: number;
  readonly pausedUntil: number | undefined;
  /** Undefined for pods. */
  readonly machines: FreeMachines | undefined;
}

export interface Place {
  pool: string;
  /** Undefined: a pod is to be made. */
  machine: Builder | undefined;
}

/** A pool that has what is asked for, full or not. */
export interface Fit {
  places: PoolPlaces;
  /** Sum of the priorities of the tags that are asked for. */
  priority: number;
  /** It makes machines for such tickets; if it does not, its machines are rather left to those it makes them for. */
  isMeant: boolean;
}

interface Candidate extends Pick<Fit, 'isMeant'> {
  places: PoolPlaces;
  machine: Builder | undefined;
  score: number;
  free: number;
}

/** Free places in the pools during one cycle. They are only taken, never given back: a refusal stands. */
export class Places {
  readonly pools: readonly PoolPlaces[];
  private readonly fitting = new Map<string, Fit[]>();
  /** Wishes for which no place is left, but for sandboxes with machines of their own. */
  private readonly refused = new Set<string>();
  /** Sandboxes that have, or had in this cycle, machines that nobody else may have. */
  private readonly bound = new Set<string>();

  constructor(world: Pick<SchedulerWorld, 'builders' | 'pools'>, now: number) {
    const byPool = new Map<string, Builder[]>();
    for (const builder of world.builders) {
      const list = byPool.get(builder.spec.pool);
      if (list === undefined) byPool.set(builder.spec.pool, [builder]);
      else list.push(builder);
    }
    this.pools = world.pools
      .filter((pool) => pool.metadata.deletionTimestamp === undefined)
      .map((pool) => placesOf(pool, byPool.get(pool.metadata.name) ?? [], now));
    for (const { machines, pool } of this.pools) {
      if (pool.spec.suspend) continue;
      for (const sandbox of machines?.bound() ?? []) this.bound.add(sandbox);
    }
  }

  /** The earliest end of a pause. */
  wakeAt(): number | undefined {
    const times = this.pools.map((each) => each.pausedUntil).filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  fittingPools(wish: Wish): readonly Fit[] {
    let found = this.fitting.get(wish.key);
    if (found === undefined) {
      found = this.pools
        .filter(({ pool }) => fits(pool, wish))
        .map((places) => ({
          places,
          priority: priorityOf(places.pool, wish.tags),
          isMeant: makesMachinesFor(places.pool, wish),
        }));
      this.fitting.set(wish.key, found);
    }
    return found;
  }

  /** False when there certainly is no place. */
  mayServe(wish: Wish, sandbox: string): boolean {
    if (this.bound.has(sandbox) && this.fittingPools(wish).some(({ places }) => hasBound(places, sandbox))) return true;
    if (this.refused.has(wish.key)) return false;
    if (this.fittingPools(wish).some(({ places }) => isOpen(places))) return true;
    this.refused.add(wish.key);
    return false;
  }

  /** Wishes for which places ran out. */
  get refusedWishes(): number {
    return this.refused.size;
  }

  /** Takes the best place there is. */
  take(wish: Wish, sandbox: string): Place | undefined {
    if (!this.mayServe(wish, sandbox)) return undefined;
    let best: Candidate | undefined;
    for (const fit of this.fittingPools(wish)) {
      const candidate = candidateOf(fit, sandbox);
      if (candidate !== undefined && (best === undefined || isBetter(candidate, best))) best = candidate;
    }
    if (best === undefined) return undefined;
    const { places, machine } = best;
    if (machine === undefined) {
      places.active++;
      places.starting++;
    } else {
      places.machines?.take(sandbox);
      this.bound.add(sandbox);
    }
    return { pool: places.pool.metadata.name, machine };
  }
}

function placesOf(pool: BuilderPool, builders: readonly Builder[], now: number): PoolPlaces {
  let [active, starting] = [0, 0];
  const isPods = isOfPods(pool);
  for (const builder of builders) {
    if (!isActive(builder)) continue;
    active++;
    const phase = builder.status?.phase;
    if (isPods ? phase !== 'Running' : phase === undefined || phase === 'Starting') starting++;
  }
  const machines = isPods ? undefined : new FreeMachines(builders);
  return { pool, active, starting, pausedUntil: pausedUntil(pool, now), machines };
}

/** A place that anybody may have. A pause is for starts: machines that are up are as good as ever. */
function isOpen(places: PoolPlaces): boolean {
  if (places.pool.spec.suspend) return false;
  return places.machines === undefined ? freePods(places) > 0 : places.machines.open > 0;
}

function hasBound({ pool, machines }: PoolPlaces, sandbox: string): boolean {
  return !pool.spec.suspend && machines !== undefined && machines.countBound(sandbox) > 0;
}

function freePods({ pool, active, starting, pausedUntil: until }: PoolPlaces): number {
  const { max, maxStarting } = pool.spec;
  return until === undefined && starting < maxStarting ? max - active : 0;
}

function candidateOf({ places, priority, isMeant }: Fit, sandbox: string): Candidate | undefined {
  if (places.pool.spec.suspend) return undefined;
  if (places.machines === undefined) {
    const free = freePods(places);
    return free > 0 ? { places, machine: undefined, score: priority, free, isMeant } : undefined;
  }
  const choice = places.machines.best(sandbox);
  if (choice === undefined) return undefined;
  const score = priority + (choice.isReused ? REUSED : 0);
  return { places, machine: choice.machine, score, free: places.machines.countFor(sandbox), isMeant };
}

/** The higher score, then machines that are not made for others on demand, then more free places, then the lesser name. */
function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.score !== b.score) return a.score > b.score;
  if (a.isMeant !== b.isMeant) return a.isMeant;
  if (a.free !== b.free) return a.free > b.free;
  return a.places.pool.metadata.name < b.places.pool.metadata.name;
}
