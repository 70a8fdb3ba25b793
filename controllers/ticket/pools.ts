import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Wish } from './wish.ts';
import { wishOf } from './wish.ts';

/** Whether any pool, now or later, could serve the ticket: one that is suspended, pauses or is full could. */
export function isServable(ticket: BuilderTicket, pools: readonly BuilderPool[]): boolean {
  const wish = wishOf(ticket);
  return pools.some((pool) => pool.metadata.deletionTimestamp === undefined && fits(pool, wish));
}

export function isOfPods({ spec }: BuilderPool): boolean {
  return spec.pod !== undefined;
}

/** Whether the pool's builders can serve the wish. */
export function fits(pool: BuilderPool, { architecture, tags, isStage, environment }: Wish): boolean {
  const { spec } = pool;
  if (!hasEnvironment(pool, isStage, environment)) return false;
  if (architecture !== 'noarch' && !spec.architectures.includes(architecture)) return false;
  return tags.every((tag) => hasTag(spec.tags, tag) || hasTag(spec.onDemandTags, tag));
}

function hasEnvironment(pool: BuilderPool, isStage: boolean, environment: Wish['environment']): boolean {
  if (isOfPods(pool)) return isStage && environment !== 'machine';
  // kopr reaches a machine over SSH, or not at all; a client of Resalloc finds its own way.
  return environment !== 'pod' && (!isStage || pool.spec.ssh !== undefined);
}

function hasTag(tags: BuilderPool['spec']['tags'], name: string): boolean {
  return tags?.some((tag) => tag.name === name) === true;
}

/** The sum of the priorities of those tags that are asked for. */
export function priorityOf({ spec }: BuilderPool, tags: readonly string[]): number {
  let sum = 0;
  for (const tag of spec.tags ?? []) if (tags.includes(tag.name)) sum += tag.priority;
  for (const tag of spec.onDemandTags ?? []) {
    if (tags.includes(tag.name) && !hasTag(spec.tags, tag.name)) sum += tag.priority;
  }
  return sum;
}

/** Whether the pool makes machines for tickets with this wish: one on demand does so only for those with one of its tags. */
export function makesMachinesFor({ spec }: BuilderPool, { tags }: Wish): boolean {
  const { onDemandTags = [] } = spec;
  return onDemandTags.length === 0 || onDemandTags.some(({ name }) => tags.includes(name));
}

/** The end of the pool's pause, milliseconds since the epoch; undefined when it does not pause. */
export function pausedUntil(pool: BuilderPool, now: number): number | undefined {
  const text = pool.status?.pausedUntil;
  if (text === undefined) return undefined;
  const time = fromTimestamp(text);
  return time > now ? time : undefined;
}
