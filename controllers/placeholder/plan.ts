import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Pod } from '../../operator/core.ts';
import { pauseAfter } from '../shared/pause.ts';
import { LABELS } from './pod.ts';

/** A placeholder that has lived for so long has shown that there is room for it. */
export const SETTLED_MS = 600_000;
/** For so long a new placeholder keeps the next one from being replaced. */
const REPLACED_MS = 600_000;

/** Placeholders of one slot that were pushed aside in a row. */
export interface Setbacks {
  count: number;
  /** Milliseconds since the epoch. */
  last: number;
}

export interface PlaceholderWorld {
  pool: BuilderPool;
  /** Placeholders of the pool. */
  pods: readonly Pod[];
  /** What a slot should have. */
  wanted: (slot: number) => Pod;
  setbacks: ReadonlyMap<number, Setbacks>;
}

export interface PlaceholderPlan {
  create: Pod[];
  remove: Pod[];
  wakeAt?: number;
}

/** Pure: which placeholders are to be made and which to go. */
export function planPlaceholders(world: PlaceholderWorld, now: number): PlaceholderPlan {
  const { pool } = world;
  const { pod, suspend, max } = pool.spec;
  const open = pool.metadata.deletionTimestamp === undefined && !suspend;
  const count = open ? Math.min(pod?.warm ?? 0, max) : 0;
  const plan: PlaceholderPlan = { create: [], remove: [] };
  const living = world.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  plan.remove.push(...living.filter((each) => slotOf(each) >= count || isOver(each)));
  const kept = living.filter((each) => !plan.remove.includes(each));

  const outdated: Pod[] = [];
  let settling: number | undefined;
  for (let slot = 0; slot < count; slot++) {
    const wanted = world.wanted(slot);
    const own = world.pods.filter((each) => slotOf(each) === slot);
    const current = own.find(({ metadata }) => metadata.name === wanted.metadata.name);
    const old = kept.filter((each) => slotOf(each) === slot && each !== current);
    if (current !== undefined) {
      plan.remove.push(...old);
      settling = earliest(settling, settlesAt(current, now));
    } else if (old.length > 0) outdated.push(...old);
    // One that is on its way out still has the place.
    else if (own.length === 0) make(world, plan, wanted, slot, now);
  }
  const [next] = outdated;
  // One by one: as long as they wait, the old ones keep the room.
  if (next !== undefined && settling === undefined && plan.create.length === 0) plan.remove.push(next);
  else if (next !== undefined && settling !== undefined) plan.wakeAt = earliest(plan.wakeAt, settling) ?? settling;
  return plan;
}

function make(world: PlaceholderWorld, plan: PlaceholderPlan, wanted: Pod, slot: number, now: number): void {
  const setbacks = world.setbacks.get(slot);
  const due = setbacks === undefined ? now : setbacks.last + pauseAfter(setbacks.count);
  if (due <= now) plan.create.push(wanted);
  else plan.wakeAt = earliest(plan.wakeAt, due) ?? due;
}

/** Until then it keeps others from being replaced; undefined when it does not. */
function settlesAt({ metadata, status }: Pod, now: number): number | undefined {
  if (status?.phase === 'Running') return undefined;
  const end = metadata.creationTimestamp === undefined ? now : fromTimestamp(metadata.creationTimestamp) + REPLACED_MS;
  return end > now ? end : undefined;
}

/** Pure: one more of the slot was pushed aside; `since` is when it was made. */
export function withSetback(before: Setbacks | undefined, since: number, now: number): Setbacks {
  const count = now - since >= SETTLED_MS ? 0 : (before?.count ?? 0);
  return { count: count + 1, last: now };
}

/** Evicted, or ended in another way: its name is free only when it is gone. */
export function isOver({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}

/** A pod that does not say is one too many. */
export function slotOf({ metadata }: Pod): number {
  const slot = Number(metadata.labels?.[LABELS.slot] ?? Number.NaN);
  return Number.isSafeInteger(slot) && slot >= 0 ? slot : Number.MAX_SAFE_INTEGER;
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
