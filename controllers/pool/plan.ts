import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition, setCondition } from '../../operator/conditions.ts';
import { hasMachines } from '../shared/machines.ts';
import { pauseAfter } from '../shared/pause.ts';
import type { PoolCounts } from './counts.ts';
import { countsOf, isOver } from './counts.ts';
import type { PoolEvent } from './events.ts';
import type { Failures } from './pause.ts';
import { FORGET_FAILURES_MS, failuresOf } from './pause.ts';
import { withEvents, withFailures } from './statistics.ts';

type PoolStatus = NonNullable<BuilderPool['status']>;

export interface PoolWorld {
  pool: BuilderPool;
  /** Those that exist. */
  builders: readonly Builder[];
  /** What has happened since the status was last written, in the order in which it did. */
  events: readonly PoolEvent[];
  /** Who uses a builder. */
  ownerOf: (builder: Builder) => string | undefined;
}

/** How many owners a status names. */
const OWNERS = 20;

/** Pure: the status of a pool. `now` in milliseconds since the epoch. */
export function poolStatus({ pool, builders, events, ownerOf }: PoolWorld, now: number): PoolStatus {
  const counts = countsOf(builders);
  const before = pool.status?.statistics;
  const lastSuccess = before?.lastSuccessAt === undefined ? 0 : fromTimestamp(before.lastSuccessAt);
  const failures = withFailures(failuresOf(pool.status), events, lastSuccess, now);
  const statistics = withEvents(before, events, now);
  return {
    observedGeneration: pool.metadata.generation ?? 0,
    conditions: setCondition(
      pool.status?.conditions as Condition[] | undefined,
      { type: 'Ready', ...readiness(pool, counts, failures, now) },
      pool.metadata.generation,
      toTimestamp(now),
    ),
    builders: counts.builders,
    starting: counts.starting,
    running: counts.running,
    ...(hasMachines(pool) ? { free: counts.free, deleting: counts.deleting } : {}),
    usage: `${counts.builders}/${pool.spec.max}`,
    consecutiveStartFailures: failures.count,
    ...(failures.count === 0 ? {} : { pausedUntil: toTimestamp(pauseEnd(failures)) }),
    ...(Object.keys(statistics).length === 0 ? {} : { statistics }),
    owners: ownersOf(builders, ownerOf),
  };
}

/** When time alone will change the status. */
export function nextLook(status: PoolStatus, now: number): number | undefined {
  const { last } = failuresOf(status);
  if (last === 0 || status.pausedUntil === undefined) return undefined;
  const pause = fromTimestamp(status.pausedUntil);
  return pause > now ? pause : last + FORGET_FAILURES_MS;
}

function pauseEnd({ count, last }: Failures): number {
  return last + pauseAfter(count);
}

type Readiness = Pick<Condition, 'status' | 'reason' | 'message'>;

function readiness(pool: BuilderPool, counts: PoolCounts, failures: Failures, now: number): Readiness {
  const { spec, metadata } = pool;
  if (metadata.deletionTimestamp !== undefined) return no('Deleting', `the pool is being deleted: ${left(counts)}`);
  if (spec.suspend) {
    const rest = hasMachines(pool) && counts.builders > 0 ? `; ${left(counts)}` : '';
    return no('Suspended', `the pool is suspended: it gets no new work${rest}`);
  }
  if (spec.max === 0) return no('ScaledToZero', 'max is 0: the pool may not have any builders');
  // A machine of an inventory that cannot be reached stands in nobody's way but its own.
  const unreachable = spec.hosts === undefined || counts.up === 0;
  if (failures.count > 0 && pauseEnd(failures) > now && unreachable) {
    return no('BuildersDoNotStart', notStarting(pool, failures));
  }
  return { status: 'True', reason: 'Ready', message: 'the pool takes work' };
}

function no(reason: string, message: string): Readiness {
  return { status: 'False', reason, message };
}

/** What the last one died of is in the condition alone, once another process has counted it. */
function notStarting(pool: BuilderPool, { count, message }: Failures): string {
  const old = findCondition(pool.status?.conditions as Condition[] | undefined, 'Ready');
  if (message === undefined && old?.reason === 'BuildersDoNotStart') return old.message;
  return `${count} builders in a row did not start, the last one because: ${message ?? 'its pod never ran'}`;
}

function left({ builders, running, deleting }: PoolCounts): string {
  if (builders === 0) return 'nothing is left of it';
  return `waits for ${builders} builders, of which ${running} are in use and ${deleting} are being deleted`;
}

function ownersOf(builders: readonly Builder[], ownerOf: PoolWorld['ownerOf']): NonNullable<PoolStatus['owners']> {
  const counts = new Map<string, number>();
  for (const builder of builders) {
    const owner = isOver(builder) ? undefined : ownerOf(builder);
    if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, OWNERS)
    .map(([name, count]) => ({ name, builders: count }));
}
