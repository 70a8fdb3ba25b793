import type { Build } from '../../crds/build.ts';
import { batchOf, numberOf, SUBMITTER_ANNOTATION } from '../../crds/names.ts';
import { isComplete } from '../../crds/states.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Obstacle } from './obstacle.ts';
import { failed, missing, waiting } from './obstacle.ts';
import type { BuildWorld } from './world.ts';

/**
 * The longest time for which a Build waits for others. Circles are seen at once; this ends what no look at them finds,
 * such as a batch that somebody keeps adding Builds to.
 */
export const LONGEST_WAIT_MS = 30 * 86_400_000;
/** Timers of weeks are not worth trusting. */
const LONGEST_SLEEP_MS = 3_600_000;
/** Names of Builds in one sentence; the others are counted. */
const NAMED = 5;

/** An order in which it could never start. */
export function impossibleOrder({ build, cycle }: BuildWorld): Obstacle | undefined {
  const itself = namesItself(build);
  if (itself !== undefined || cycle === undefined) return itself;
  const names = [build, ...cycle, build].map((each) => nameFor(build, each)).join(' after ');
  const remedy = 'create one of them without spec.after and spec.afterBatch';
  return failed('AfterCycle', `it would wait for itself: Build ${names}; ${remedy}`);
}

/** Other Builds that come first: `spec.after`, then every one of the batch `spec.afterBatch`. */
export function othersFirst(world: BuildWorld, now: number): Obstacle | undefined {
  const { build } = world;
  const open = (build.spec.after ?? []).filter((name) => !isComplete(world.after.get(name)));
  const absent = open.find((name) => !world.after.has(name));
  if (absent !== undefined) {
    return missing(world, now, 'AfterBuildNotFound', `Build "${absent}", which this one comes after, does not exist`);
  }
  if (open.length > 0) return patient(build, 'AfterBuild', `comes after Build ${listed(open.map(quoted))}`, now);
  if (world.batch.length > 0) {
    const names = world.batch.map((other) => nameFor(build, other));
    return patient(build, 'AfterBatch', `comes after batch ${build.spec.afterBatch}: Build ${listed(names)}`, now);
  }
  return undefined;
}

/**
 * Of Builds that say they are in a batch, the unfinished ones that `waiter` waits for. Anybody may write any number into
 * their own Builds, and so make others wait for them: across namespaces only those count that the REST API has made,
 * which has asked whether their submitter may join. At home in a batch is the Build whose number it has.
 */
export function waitedFor(waiter: Build, batch: number, members: readonly Build[]): Build[] {
  const founder = members.find((build) => numberOf(build) === batch);
  const home = (founder ?? waiter).metadata.namespace;
  return members
    .filter(({ metadata }) => metadata.namespace === home || metadata.annotations?.[SUBMITTER_ANNOTATION] !== undefined)
    .filter((build) => !isComplete(build));
}

/** How a Build is called in what `reader` says: those of other owners by their numbers, which are no secret. */
function nameFor(reader: Build, other: Build): string {
  return other.metadata.namespace === reader.metadata.namespace
    ? quoted(other.metadata.name)
    : String(numberOf(other) ?? 'of another namespace');
}

function quoted(name: string): string {
  return `"${name}"`;
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return more > 0 ? `${names.slice(0, NAMED).join(', ')} and ${more} more` : names.join(', ');
}

/** A Build in a batch that it comes after itself would wait for ever. */
function namesItself(build: Build): Obstacle | undefined {
  const { batch, afterBatch } = build.spec;
  const id = numberOf(build);
  if (batch !== undefined && batch === id) {
    return failed(
      'BatchIsItself',
      `spec.batch is ${batch}, the number of this very Build; leave it out for a batch of its own`,
    );
  }
  if (afterBatch === undefined || (afterBatch !== id && afterBatch !== batchOf(build))) return undefined;
  return failed(
    'BatchIsItself',
    `spec.afterBatch is ${afterBatch}, the batch of this very Build; it would wait for itself`,
  );
}

function patient(build: Build, reason: string, message: string, now: number): Obstacle {
  const { creationTimestamp } = build.metadata;
  const left = (creationTimestamp === undefined ? now : fromTimestamp(creationTimestamp)) + LONGEST_WAIT_MS - now;
  if (left <= 0) return failed('AfterTimedOut', `waited 30 days, which is the longest that a Build waits: ${message}`);
  return waiting(reason, message, Math.min(left, LONGEST_SLEEP_MS));
}
