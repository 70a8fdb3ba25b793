import { fromTimestamp } from '../../lib/clock.ts';
import type { BuildWorld } from './world.ts';

/** Milliseconds for which things that a Build refers to may be missing: GitOps tools apply them in any order. */
export const MISSING_GRACE_MS = 120_000;

/** The way a Build cannot go on: for ever (failed), or for now (waiting). */
export type Obstacle =
  | { kind: 'failed'; reason: string; message: string }
  | { kind: 'waiting'; reason: string; message: string; requeueAfterMs?: number };

export function failed(reason: string, message: string): Obstacle {
  return { kind: 'failed', reason, message };
}

export function waiting(reason: string, message: string, requeueAfterMs?: number): Obstacle {
  return { kind: 'waiting', reason, message, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) };
}

/** Waits for something that is not there, as long as that may be a matter of order. */
export function missing(world: Pick<BuildWorld, 'build'>, now: number, reason: string, message: string): Obstacle {
  const created = world.build.metadata.creationTimestamp;
  const left = created === undefined ? MISSING_GRACE_MS : fromTimestamp(created) + MISSING_GRACE_MS - now;
  if (left <= 0) return failed(reason, message);
  return waiting(reason, message, left);
}
