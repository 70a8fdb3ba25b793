import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { setCondition } from '../../operator/conditions.ts';
import { isFailedStart } from '../shared/starts.ts';

type PoolStatus = NonNullable<BuilderPool['status']>;

/** The pause after n builders in a row that did not start: 10 s, 20 s, 40 s … at most 5 min. */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;

/** Pure: the status of a pool from the Builders that exist. `now` in milliseconds since the epoch. */
export function poolStatus(pool: BuilderPool, builders: readonly Builder[], now: number): PoolStatus {
  const existing = builders.filter((builder) => !isOver(builder));
  const running = existing.filter((builder) => builder.status?.phase === 'Running').length;
  const failures = failedStarts(builders);
  const until = failures.count === 0 ? 0 : failures.last + pauseAfter(failures.count);
  const paused = until > now;
  return {
    observedGeneration: pool.metadata.generation ?? 0,
    conditions: setCondition(
      pool.status?.conditions as Condition[] | undefined,
      { type: 'Ready', ...readiness(pool, paused, failures) },
      pool.metadata.generation,
      toTimestamp(now),
    ),
    builders: existing.length,
    starting: existing.length - running,
    running,
    usage: `${existing.length}/${pool.spec.max}`,
    consecutiveStartFailures: failures.count,
    ...(paused ? { pausedUntil: toTimestamp(until) } : {}),
  };
}

interface FailedStarts {
  count: number;
  /** When the last one failed, milliseconds since the epoch. */
  last: number;
  message: string;
}

/** Builders that never ran, since the last one that did. They are kept for a while to be counted here. */
function failedStarts(builders: readonly Builder[]): FailedStarts {
  const lastStart = Math.max(0, ...builders.map((builder) => stamp(builder.status?.startedAt)));
  const failed = builders
    .filter(isFailedStart)
    .map(({ status }) => ({ at: stamp(status?.endedAt), message: status?.message ?? '' }))
    .filter(({ at }) => at > lastStart)
    .sort((a, b) => b.at - a.at);
  return { count: failed.length, last: failed[0]?.at ?? 0, message: failed[0]?.message ?? '' };
}

function readiness(
  pool: BuilderPool,
  paused: boolean,
  failures: FailedStarts,
): Pick<Condition, 'status' | 'reason' | 'message'> {
  if (pool.spec.suspend)
    return { status: 'False', reason: 'Suspended', message: 'the pool is suspended: it gets no new work' };
  if (paused) {
    const message = `${failures.count} builders in a row did not start, the last one because: ${failures.message}`;
    return { status: 'False', reason: 'BuildersDoNotStart', message };
  }
  return { status: 'True', reason: 'Ready', message: 'the pool takes work' };
}

export function pauseAfter(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
}

function isOver(builder: Builder): boolean {
  return builder.status?.phase === 'Ended' || builder.status?.phase === 'Lost';
}

function stamp(text: string | undefined): number {
  return text === undefined ? 0 : fromTimestamp(text);
}
