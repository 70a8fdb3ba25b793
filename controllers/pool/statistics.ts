import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { PoolEvent } from './events.ts';
import type { Failures } from './pause.ts';
import { FORGET_FAILURES_MS } from './pause.ts';

export type Statistics = NonNullable<NonNullable<BuilderPool['status']>['statistics']>;

/** Weight of the youngest value, as in Resalloc. */
const ALPHA = 0.2;

/**
 * Pure: the statistics after these events, which happened in this order. Everything in them is whole numbers; rounding
 * goes towards the new value, for else 98 % could never become 100 %.
 */
export function withEvents(before: Statistics | undefined, events: readonly PoolEvent[], now: number): Statistics {
  const after: Statistics = { ...before };
  let counted = before?.counted === undefined ? 0 : fromTimestamp(before.counted);
  for (const { kind, at, seconds } of events) {
    // A clock that is ahead must not make later events look as if they were counted.
    counted = Math.max(counted, Math.min(at, now));
    switch (kind) {
      case 'made':
        after.lastStartAt = later(after.lastStartAt, at);
        break;
      case 'ready':
        after.startSeconds = average(after.startSeconds, seconds ?? 0);
        after.startSuccessPercent = average(after.startSuccessPercent, 100);
        after.lastSuccessAt = later(after.lastSuccessAt, at);
        break;
      case 'failed':
        after.startSuccessPercent = average(after.startSuccessPercent, 0);
        break;
      case 'used':
        after.buildSeconds = average(after.buildSeconds, seconds ?? 0);
        break;
    }
  }
  return counted === 0 ? after : { ...after, counted: toTimestamp(counted) };
}

/** Pure: starts that have failed since the last one that went well. Ten quiet minutes end the row. */
export function withFailures(
  before: Failures,
  events: readonly PoolEvent[],
  lastSuccess: number,
  now: number,
): Failures {
  let failures = before;
  let success = lastSuccess;
  for (const { kind, at, message } of events) {
    if (kind === 'ready') {
      success = Math.max(success, at);
      if (at >= failures.last) failures = { count: 0, last: 0 };
    } else if (kind === 'failed' && at > success) {
      failures = { count: failures.count + 1, last: Math.max(failures.last, at), message: message ?? '' };
    }
  }
  return failures.last + FORGET_FAILURES_MS <= now ? { count: 0, last: 0 } : failures;
}

function average(old: number | undefined, value: number): number {
  if (old === undefined) return value;
  const exact = old + ALPHA * (value - old);
  return value > old ? Math.ceil(exact) : Math.floor(exact);
}

function later(old: string | undefined, at: number): string {
  return old !== undefined && fromTimestamp(old) >= at ? old : toTimestamp(at);
}
