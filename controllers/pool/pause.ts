import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { pauseAfter } from '../shared/pause.ts';

/** After so long without a further failure the earlier ones are forgotten. */
export const FORGET_FAILURES_MS = 600_000;

/** Starts in a row that failed. */
export interface Failures {
  count: number;
  /** When the last one failed, milliseconds since the epoch; 0 when none did. */
  last: number;
  /** What the last one died of; undefined when that was counted before this process began. */
  message?: string;
}

/** The failures that a status tells of: the end of a pause and the number of failures tell when it began. */
export function failuresOf(status: BuilderPool['status']): Failures {
  const count = status?.consecutiveStartFailures ?? 0;
  if (count === 0 || status?.pausedUntil === undefined) return { count: 0, last: 0 };
  return { count, last: fromTimestamp(status.pausedUntil) - pauseAfter(count) };
}
