import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { MachineState } from '../shared/machines.ts';
import { endOfUse, endOfUseAt, hasMachines, machineState } from '../shared/machines.ts';
import type { Removal } from './world.ts';

/**
 * A machine of an inventory that could not be reached is tried again after so long. It is not the pool that pauses:
 * the other machines of the inventory have done nothing wrong.
 */
export const UNREACHABLE_MS = 60_000;

interface Reason {
  reason: string;
  message: string;
}

/** The pool makes no machines, and those that nobody uses go. */
export function isDraining({ metadata, spec }: BuilderPool): boolean {
  return spec.suspend || metadata.deletionTimestamp !== undefined || !hasMachines({ spec });
}

/** Pure: machines that are to go whatever is asked of the pool. */
export function retired(pool: BuilderPool | undefined, machines: readonly Builder[], now: number): Removal[] {
  const removals: Removal[] = [];
  for (const builder of machines) {
    const state = machineState(builder);
    const why = pool === undefined ? withoutPool(state) : whyRemove(pool, builder, state, now);
    if (why !== undefined) removals.push({ builder, ...why, asSeen: state !== 'Lost' });
  }
  return pool === undefined ? removals : [...removals, ...tooMany(pool, machines, removals)];
}

/** When a further machine may be due by time alone. */
export function retiresAt(pool: BuilderPool, builder: Builder): number | undefined {
  switch (machineState(builder)) {
    case 'Reserved':
      return endOfUseAt(builder, pool);
    case 'Lost':
      return triedAgainAt(builder);
    default:
      return undefined;
  }
}

/** Somebody took the finalizer off the pool. The machines stay as objects until a pool of that name can delete them. */
function withoutPool(state: MachineState): Reason | undefined {
  if (!isIdle(state) && state !== 'Lost' && state !== 'Starting') return undefined;
  return { reason: 'PoolGone', message: 'its BuilderPool is gone; one of the same name is needed to delete it' };
}

function whyRemove(pool: BuilderPool, builder: Builder, state: MachineState, now: number): Reason | undefined {
  const { hosts } = pool.spec;
  if (state === 'Lost') {
    if (hosts !== undefined && !isDraining(pool) && (triedAgainAt(builder) ?? now) > now) return undefined;
    return { reason: builder.status?.reason ?? 'Lost', message: builder.status?.message ?? 'it is lost' };
  }
  // Nothing is being made for a machine of an inventory, so that it may go before it is reached.
  const goes = isIdle(state) || (state === 'Starting' && hosts !== undefined);
  if (!goes) return undefined;
  if (isDraining(pool)) return { reason: 'PoolDrains', message: drains(pool) };
  if (hosts !== undefined && !isListed(hosts.machines, builder)) {
    return { reason: 'NotInInventory', message: 'the inventory of its pool does not have it any more' };
  }
  return state === 'Reserved' ? endOfUse(builder, pool, now) : undefined;
}

function isIdle(state: MachineState): boolean {
  return state === 'Free' || state === 'Reserved';
}

function drains({ metadata, spec }: BuilderPool): string {
  if (metadata.deletionTimestamp !== undefined) return 'its pool is being deleted';
  return spec.suspend ? 'its pool is suspended' : 'its pool has no machines any more';
}

function isListed(machines: readonly { name: string; slots: number }[], { spec }: Builder): boolean {
  const { host, slot } = spec.machine ?? {};
  return machines.some(({ name, slots }) => name === host && slot !== undefined && slot <= slots);
}

function triedAgainAt({ status }: Builder): number | undefined {
  if (status?.startedAt !== undefined || status?.endedAt === undefined) return undefined;
  return fromTimestamp(status.endedAt) + UNREACHABLE_MS;
}

/** The pool was scaled down. Machines that one sandbox alone can use go first, then the oldest. */
function tooMany(pool: BuilderPool, machines: readonly Builder[], removals: readonly Removal[]): Removal[] {
  const going = new Set(removals.map(({ builder }) => builder));
  const staying = machines.filter((builder) => machineState(builder) !== 'Deleting' && !going.has(builder));
  const excess = staying.length - pool.spec.max;
  if (excess <= 0) return [];
  const reserved = staying.filter((builder) => machineState(builder) === 'Reserved').sort(byAge);
  const free = staying.filter((builder) => machineState(builder) === 'Free').sort(byAge);
  const message = `its pool may have ${pool.spec.max} machines only`;
  return [...reserved, ...free]
    .slice(0, excess)
    .map((builder) => ({ builder, reason: 'TooManyMachines', message, asSeen: true }));
}

/** The oldest first. */
export function byAge(a: Builder, b: Builder): number {
  const [first, second] = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? '') as [string, string];
  if (first !== second) return first < second ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
