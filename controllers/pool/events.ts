import type { Builder } from '../../crds/builder.ts';
import { isMachine } from '../../crds/builder.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { isFailedStart } from '../shared/starts.ts';

/** What happens to a builder that its pool keeps count of. */
export interface PoolEvent {
  kind: 'made' | 'ready' | 'failed' | 'used';
  /** Tells it from every other event of the same Builder. */
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** How long the start or the use took. */
  seconds?: number;
  /** Why it failed. */
  message?: string;
}

/** Pure: everything that has happened to a Builder so far, as far as its status still tells. */
export function eventsOf(builder: Builder): PoolEvent[] {
  const { metadata, status } = builder;
  const events: PoolEvent[] = [];
  const made = metadata.creationTimestamp;
  if (made !== undefined) events.push({ kind: 'made', id: 'made', at: fromTimestamp(made) });
  if (status?.startedAt !== undefined) {
    const at = fromTimestamp(status.startedAt);
    const seconds = status.startSeconds ?? (made === undefined ? 0 : between(fromTimestamp(made), at));
    events.push({ kind: 'ready', id: 'ready', at, seconds });
  }
  if (isFailedStart(builder) && status?.endedAt !== undefined) {
    events.push({ kind: 'failed', id: 'failed', at: fromTimestamp(status.endedAt), message: status.message ?? '' });
  }
  return [...events, ...usesOf(builder)];
}

function usesOf(builder: Builder): PoolEvent[] {
  const { status } = builder;
  const use = isMachine(builder) ? status?.session : status;
  if (use?.startedAt === undefined || use.endedAt === undefined) return [];
  const at = fromTimestamp(use.endedAt);
  const id = `used ${status?.session?.ticket ?? ''}`;
  return [{ kind: 'used', id, at, seconds: between(fromTimestamp(use.startedAt), at) }];
}

/** Two clocks may disagree by more than the time between them. */
function between(from: number, to: number): number {
  return Math.max(0, Math.round((to - from) / 1000));
}
