import type { Build } from '../../crds/build.ts';
import { numberOf, projectNameOf } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import type { Removal, RemovalStatus } from '../../crds/removal.ts';
import { completedAt, isComplete, runConditions } from '../../crds/states.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { RemovalDone, RemovalRequest } from '../../lib/protocol/publisher.ts';
import type { Condition } from '../../operator/conditions.ts';
import type { NotYet } from '../shared/ask.ts';
import type { Note } from '../shared/notes.ts';
import { normal, warning } from '../shared/notes.ts';

/** Everything a decision about one Removal is made from. */
export interface RemovalWorld {
  removal: Removal;
  project: Project | undefined;
  /** Builds of the project that exist and have one of the numbers. */
  builds: readonly Build[];
  /** Has a history still to learn that it succeeded? */
  needed: boolean;
  /** What the publisher said, when it was asked. */
  answer?: RemovalDone | NotYet;
}

export type RemovalPlan =
  /** Ask the publisher, then plan again with its answer. */
  | { step: 'remove'; request: RemovalRequest }
  /** Nothing of them is published any more: their objects go, too. */
  | { step: 'deleteBuilds'; builds: readonly Build[]; status: RemovalStatus; requeueAfterMs: number }
  | { step: 'status'; status: RemovalStatus; notes: Note[]; requeueAfterMs?: number }
  /** It has ended long ago. */
  | { step: 'delete' }
  | { step: 'wait'; requeueAfterMs: number }
  | { step: 'nothing' };

/** For so long one can see how a Removal has ended. */
const KEPT_MS = 3_600_000;
/** One that the history still needs is looked at again after this long. */
const NEEDED_MS = 60_000;
const POLL_MS = 1_000;
const RETRY_MS = 10_000;

/** Pure: what a Removal needs next. `now` in milliseconds since the epoch. */
export function planRemoval(world: RemovalWorld, now: number): RemovalPlan {
  const { removal, project, answer } = world;
  if (removal.metadata.deletionTimestamp !== undefined) return { step: 'nothing' };
  const end = completedAt(removal);
  if (end !== undefined) {
    const left = fromTimestamp(end) + KEPT_MS - now;
    if (left > 0) return { step: 'wait', requeueAfterMs: left };
    return world.needed ? { step: 'wait', requeueAfterMs: NEEDED_MS } : { step: 'delete' };
  }
  if (project === undefined) {
    return refused(world, 'ProjectNotFound', `there is no Project "${removal.spec.project}" in this namespace`, now);
  }
  if (project.metadata.deletionTimestamp !== undefined) {
    return ended(world, 'ProjectDeleted', 'the whole project is being deleted', 0, now);
  }
  const open = world.builds.filter((build) => !isComplete(build));
  if (open.length > 0) {
    const names = open.map((build) => `"${build.metadata.name}"`).join(', ');
    return refused(world, 'BuildRunning', `Build ${names} has not ended; set spec.cancelled there first`, now);
  }
  const owner = project.status?.owner;
  // A project without an owner in its status has no repositories yet, so nothing was published.
  if (owner === undefined) return clean(world, 0, now);
  if (answer === undefined) {
    const request = { owner, project: projectNameOf(project), builds: [...removal.spec.builds] };
    return { step: 'remove', request };
  }
  if (answer === 'pending') return going(world, 'Removing', 'new metadata without them is being made', POLL_MS, now);
  if ('unavailable' in answer) {
    const message = `waits for the publisher, which does not answer as it should: ${answer.unavailable}`;
    return going(world, 'PublisherUnavailable', message, RETRY_MS, now);
  }
  if ('refused' in answer) return refused(world, answer.refused.code, answer.refused.message, now);
  return clean(world, answer.removed, now);
}

function clean(world: RemovalWorld, removed: number, now: number): RemovalPlan {
  const { builds } = world;
  if (builds.length === 0) {
    return ended(world, 'Removed', `${removed} results directories are gone from the repositories`, removed, now);
  }
  const message = 'nothing of them is published any more; their Build objects are being deleted';
  return {
    step: 'deleteBuilds',
    builds: builds.filter((build) => build.metadata.deletionTimestamp === undefined),
    status: status(world, { outcome: 'running', state: 'Removing', reason: 'DeletingBuilds', message, removed }, now),
    requeueAfterMs: POLL_MS,
  };
}

function going(world: RemovalWorld, reason: string, message: string, requeueAfterMs: number, now: number): RemovalPlan {
  const next = status(world, { outcome: 'running', state: 'Removing', reason, message }, now);
  return { step: 'status', status: next, notes: [], requeueAfterMs };
}

function ended(world: RemovalWorld, reason: string, message: string, removed: number, now: number): RemovalPlan {
  // What an earlier step of the same removal has counted: a repetition finds nothing any more.
  const count = Math.max(removed, world.removal.status?.removed ?? 0);
  const next = status(world, { outcome: 'succeeded', state: 'Removed', reason, message, removed: count }, now);
  return { step: 'status', status: next, notes: [normal(reason, message)], requeueAfterMs: KEPT_MS };
}

function refused(world: RemovalWorld, reason: string, message: string, now: number): RemovalPlan {
  const next = status(world, { outcome: 'failed', state: 'Refused', reason, message }, now);
  return { step: 'status', status: next, notes: [warning(reason, message)], requeueAfterMs: KEPT_MS };
}

interface Standing {
  outcome: 'running' | 'succeeded' | 'failed';
  state: string;
  reason: string;
  message: string;
  removed?: number;
}

function status({ removal }: RemovalWorld, standing: Standing, now: number): RemovalStatus {
  const { outcome, state, reason, message, removed = removal.status?.removed } = standing;
  const { generation } = removal.metadata;
  const before = removal.status?.conditions as Condition[] | undefined;
  return {
    observedGeneration: generation ?? 0,
    conditions: runConditions(before, outcome, reason, message, generation, toTimestamp(now)),
    state,
    ...(removed === undefined ? {} : { removed }),
  };
}

/** Of `builds`, those that the Removal names. */
export function namedBy(removal: Removal, builds: readonly Build[]): Build[] {
  const numbers = new Set(removal.spec.builds);
  return builds.filter((build) => numbers.has(numberOf(build) ?? 0));
}
