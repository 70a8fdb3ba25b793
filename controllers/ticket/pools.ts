import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { wishOf } from './lines.ts';
import type { SchedulerWorld } from './world.ts';
import { isActive } from './world.ts';

interface Slots {
  pool: BuilderPool;
  active: number;
  starting: number;
  pausedUntil: number | undefined;
}

export interface Refusal {
  reason: string;
  message: string;
}
export type PoolChoice = { pool: string } | Refusal;

/** Free places in the pools during one cycle. */
export class PoolSlots {
  private readonly slots: Slots[];
  /** Within a cycle places are only taken, so that a refusal stands; thousands of lines must not cost as many searches. */
  private readonly refusals = new Map<string, Refusal>();

  constructor(world: SchedulerWorld, now: number) {
    const active = new Map<string, { active: number; starting: number }>();
    for (const builder of world.builders) {
      if (!isActive(builder)) continue;
      const counts = active.get(builder.spec.pool) ?? { active: 0, starting: 0 };
      counts.active++;
      if (builder.status?.phase !== 'Running') counts.starting++;
      active.set(builder.spec.pool, counts);
    }
    this.slots = world.pools
      .filter((pool) => pool.metadata.deletionTimestamp === undefined)
      .map((pool) => ({
        pool,
        ...(active.get(pool.metadata.name) ?? { active: 0, starting: 0 }),
        pausedUntil: pausedUntil(pool, now),
      }));
  }

  /** The earliest end of a pause. */
  wakeAt(): number | undefined {
    const times = this.slots.map((slot) => slot.pausedUntil).filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** No pool has a place left for anyone. */
  get exhausted(): boolean {
    return !this.slots.some(hasPlace);
  }

  /** Takes a place in the best pool for the ticket, or says why there is none. */
  take(ticket: BuilderTicket): PoolChoice {
    const wish = wishOf(ticket);
    const known = this.refusals.get(wish);
    if (known !== undefined) return known;
    const choice = this.choose(ticket.spec.architecture, ticket.spec.tags);
    if ('reason' in choice) {
      this.refusals.set(wish, choice);
      return choice;
    }
    choice.slot.active++;
    choice.slot.starting++;
    return { pool: choice.slot.pool.metadata.name };
  }

  /** Why the ticket has no place, as things stand; takes none. */
  refusal(ticket: BuilderTicket): Refusal {
    const wish = wishOf(ticket);
    const known = this.refusals.get(wish);
    if (known !== undefined) return known;
    const choice = this.choose(ticket.spec.architecture, ticket.spec.tags);
    const reason = 'reason' in choice ? choice : { reason: 'Queued', message: 'waits for its turn' };
    this.refusals.set(wish, reason);
    return reason;
  }

  private choose(architecture: string, tags: readonly string[]): { slot: Slots } | Refusal {
    const fitting = this.slots.filter(({ pool }) => fits(pool, architecture, tags));
    if (fitting.length === 0) return { reason: 'NoPool', message: noPool(architecture, tags) };
    const open = fitting.filter(({ pool }) => !pool.spec.suspend);
    if (open.length === 0) return { reason: 'PoolSuspended', message: `pool ${names(fitting)} is suspended` };
    const awake = open.filter((slot) => slot.pausedUntil === undefined);
    if (awake.length === 0) {
      return { reason: 'PoolPaused', message: `pool ${names(open)} pauses, since its last builders did not start` };
    }
    const free = awake.filter(hasPlace);
    const best = free.sort((a, b) => compare(a, b, tags))[0];
    if (best !== undefined) return { slot: best };
    const busy = awake.map(({ pool, active }) => `${pool.metadata.name} (${active} of ${pool.spec.max})`).join(', ');
    return { reason: 'PoolFull', message: `waits for a free builder in pool ${busy}` };
  }
}

function hasPlace({ pool, active, starting, pausedUntil }: Slots): boolean {
  const { max, maxStarting, suspend } = pool.spec;
  return !suspend && pausedUntil === undefined && active < max && starting < maxStarting;
}

/** Whether any pool, now or later, could serve the ticket: one that is suspended, pauses or is full could. */
export function isServable(ticket: BuilderTicket, pools: readonly BuilderPool[]): boolean {
  const { architecture, tags } = ticket.spec;
  return pools.some((pool) => pool.metadata.deletionTimestamp === undefined && fits(pool, architecture, tags));
}

function fits(pool: BuilderPool, architecture: string, tags: readonly string[]): boolean {
  if (architecture !== 'noarch' && !pool.spec.architectures.includes(architecture)) return false;
  return tags.every((tag) => pool.spec.tags?.some((offered) => offered.name === tag));
}

/** Preferred first: the higher sum of priorities for the tags asked for, then more free places, then the name. */
function compare(a: Slots, b: Slots, tags: readonly string[]): number {
  const byTags = priority(b.pool, tags) - priority(a.pool, tags);
  if (byTags !== 0) return byTags;
  const byFree = b.pool.spec.max - b.active - (a.pool.spec.max - a.active);
  if (byFree !== 0) return byFree;
  return a.pool.metadata.name < b.pool.metadata.name ? -1 : 1;
}

function priority(pool: BuilderPool, tags: readonly string[]): number {
  return (pool.spec.tags ?? []).reduce((sum, tag) => (tags.includes(tag.name) ? sum + tag.priority : sum), 0);
}

function pausedUntil(pool: BuilderPool, now: number): number | undefined {
  const text = pool.status?.pausedUntil;
  if (text === undefined) return undefined;
  const time = fromTimestamp(text);
  return time > now ? time : undefined;
}

function names(slots: readonly Slots[]): string {
  return slots.map(({ pool }) => pool.metadata.name).join(', ');
}

function noPool(architecture: string, tags: readonly string[]): string {
  const what = tags.length === 0 ? '' : ` with the tags ${tags.join(', ')}`;
  return `no BuilderPool offers ${architecture === 'noarch' ? 'builders' : architecture}${what}; "kubectl get builderpools -A" lists what there is`;
}
