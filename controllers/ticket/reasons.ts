import type { Places, PoolPlaces } from './places.ts';
import type { Wish } from './wish.ts';

export interface Reason {
  reason: string;
  message: string;
}

/** How tickets with one wish wait. */
export interface Prospect extends Reason {
  /** Pools that will serve it; none: nothing will, until somebody acts. */
  pools: readonly PoolPlaces[];
  /** Those of them that start machines, or may, the preferred one first. */
  making: readonly PoolPlaces[];
  /** Seconds that a pause of all of them will last. */
  pauseSeconds: number;
}

/** Why tickets with this wish have no place, as things stand. Words hold no count that changes from build to build. */
export function prospectOf(wish: Wish, places: Places, now: number): Prospect {
  const fitting = places.fittingPools(wish);
  const none = { pools: [], making: [], pauseSeconds: 0 };
  if (fitting.length === 0) return { ...none, reason: 'NoPool', message: noPool(wish) };
  const open = fitting.filter(({ places: { pool } }) => !pool.spec.suspend);
  if (open.length === 0) {
    const message = `pool ${names(fitting.map((each) => each.places))} is suspended; whoever administers kopr can resume it`;
    return { ...none, reason: 'PoolSuspended', message };
  }
  const pools = open.map((each) => each.places);
  const making = open
    .filter((each) => each.places.machines !== undefined && each.isMeant)
    .sort((a, b) => b.priority - a.priority)
    .map((each) => each.places);
  const awake = pools.filter((each) => each.pausedUntil === undefined);
  if (awake.length === 0) {
    const until = Math.min(...pools.map((each) => each.pausedUntil ?? now));
    const message = `pool ${names(pools)} pauses, since its last builders did not start; see the conditions of the BuilderPool`;
    return { reason: 'PoolPaused', message, pools, making: [], pauseSeconds: Math.max(0, until - now) / 1000 };
  }
  const served = { pools, making, pauseSeconds: 0 };
  const lent = pools.filter((each) => each.machines !== undefined && !making.includes(each));
  if (lent.length === pools.length) return { ...served, reason: 'PoolFull', message: onDemandOnly(lent) };
  if (awake.some(hasRoomForPods)) return { ...served, reason: 'Queued', message: 'waits for its turn' };
  return { ...served, reason: 'PoolFull', message: `waits for a free builder in pool ${names(awake)}` };
}

function hasRoomForPods({ pool, machines, active, starting, pausedUntil }: PoolPlaces): boolean {
  if (machines !== undefined || pausedUntil !== undefined) return false;
  return active < pool.spec.max && starting < pool.spec.maxStarting;
}

/** Machines that are on their way: so many of the tickets in front wait for them, and not for others' to end. */
export class ComingMachines {
  private readonly left = new Map<PoolPlaces, number>();

  take(making: readonly PoolPlaces[]): PoolPlaces | undefined {
    for (const pool of making) {
      const left = this.left.get(pool) ?? comingOf(pool);
      if (left <= 0) continue;
      this.left.set(pool, left - 1);
      return pool;
    }
    return undefined;
  }
}

export function machineStarting({ pool, starting }: PoolPlaces): Reason {
  const what = starting === 0 ? 'one is to be started' : `${starting} ${starting === 1 ? 'is' : 'are'} starting`;
  return { reason: 'MachineStarting', message: `waits for a machine of pool ${pool.metadata.name}; ${what}` };
}

function comingOf({ pool, active, starting, pausedUntil }: PoolPlaces): number {
  const { max, maxStarting } = pool.spec;
  const room = pausedUntil === undefined ? Math.min(max - active, maxStarting - starting) : 0;
  return starting + Math.max(0, room);
}

/** So many names are listed in a sentence. */
const LISTED = 8;

function names(pools: readonly PoolPlaces[]): string {
  const all = pools.map(({ pool }) => pool.metadata.name).sort();
  const rest = all.length - LISTED;
  return rest > 0 ? `${all.slice(0, LISTED).join(', ')} and ${rest} more` : all.join(', ');
}

function onDemandOnly(pools: readonly PoolPlaces[]): string {
  return `waits for a machine of pool ${names(pools)} that others leave: it makes machines only for tickets with one of its on-demand tags`;
}

function noPool({ architecture, tags, isStage, environment }: Wish): string {
  const kind = environment === 'pod' ? ' in pods' : environment === 'machine' || !isStage ? ' on machines' : '';
  const what = tags.length === 0 ? '' : ` with the tags ${tags.join(', ')}`;
  const where = architecture === 'noarch' ? 'builders' : architecture;
  return `no BuilderPool offers ${where}${kind}${what}; "kubectl get builderpools -A" lists what there is`;
}
