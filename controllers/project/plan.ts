import type { Build } from '../../crds/build.ts';
import type { Project } from '../../crds/project.ts';
import { hasSucceeded, isComplete } from '../../crds/states.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { RepositoryRequest } from '../../lib/protocol/publisher.ts';
import type { Condition } from '../../operator/conditions.ts';
import { isTrue, setCondition } from '../../operator/conditions.ts';
import type { ProjectWorld } from './world.ts';

/** Guards the repositories: the Project object goes only after they are gone (or are to be retained). */
export const FINALIZER = 'kopr.dev/repo-cleanup';
/** Reason of a Project that is not ready since nothing was wrong yet. */
export const CREATING = 'CreatingRepositories';
const UNAVAILABLE = 'PublisherUnavailable';
/** A GitOps tool may apply Chroots after Projects; until then the Project is merely not ready. */
const RETRY_MISSING_MS = 15_000;
/** Pauses that grew with the outage would make new Projects wait for as long again after it. */
const RETRY_UNAVAILABLE_MS = 10_000;
const POLL_MS = 1_000;
/** For so long a deletion waits for Builds to say that they have ended, so that whoever waits for them learns of it. */
const BUILDS_END_MS = 60_000;
/** Builds that are deleted in one go when their Project is deleted. */
export const DELETE_BATCH = 100;

type ProjectStatus = NonNullable<Project['status']>;

export type ProjectPlan =
  | { step: 'addFinalizer' }
  /** Ask the publisher, then plan again with its answer. */
  | { step: 'ensureRepositories'; owner: string; request: RepositoryRequest }
  | { step: 'status'; status: ProjectStatus; requeueAfterMs?: number }
  | { step: 'deleteBuilds'; builds: Build[] }
  | { step: 'deleteRepositories'; owner: string }
  | { step: 'removeFinalizer' }
  | { step: 'nothing' };

/** Pure: what a Project needs next. `now` in milliseconds since the epoch. */
export function planProject(world: ProjectWorld, now: number): ProjectPlan {
  const { project, owner, conflict, repositories } = world;
  const finalizers = project.metadata.finalizers ?? [];
  if (project.metadata.deletionTimestamp !== undefined) return deleting(world, finalizers.includes(FINALIZER), now);
  const problem = 'problem' in owner ? owner.problem : conflict;
  if (problem !== undefined || !('owner' in owner)) {
    return notReady(world, now, 'OwnerNotValid', problem ?? '', RETRY_MISSING_MS);
  }
  const former = project.status?.owner;
  if (former !== undefined && former !== owner.owner) {
    const message = `its repositories belong to owner "${former}", but the owner of its namespace is "${owner.owner}" now; give the namespace its former owner back, or make the Project anew`;
    return notReady(world, now, 'OwnerChanged', message, RETRY_MISSING_MS);
  }
  const unknown = project.spec.chroots.filter((name) => !world.chroots.has(name));
  if (unknown.length > 0) {
    const message = `this cluster has no Chroot ${unknown.join(', ')}; "kubectl get chroots" lists what it has`;
    return notReady(world, now, 'ChrootNotFound', message, RETRY_MISSING_MS);
  }
  // Before the first effect outside the cluster.
  if (!finalizers.includes(FINALIZER)) return { step: 'addFinalizer' };
  if (repositories === undefined) {
    if (!isStale(world)) return { step: 'status', status: status(world, now, undefined) };
    return { step: 'ensureRepositories', owner: owner.owner, request: request(world) };
  }
  if (repositories === 'pending') {
    return notReady(world, now, CREATING, 'its repositories and key are being made', POLL_MS);
  }
  if ('unavailable' in repositories) {
    const message = `waits for the publisher, which does not answer as it should: ${repositories.unavailable}`;
    return notReady(world, now, UNAVAILABLE, message, RETRY_UNAVAILABLE_MS);
  }
  if ('refused' in repositories) {
    return notReady(world, now, repositories.refused.code, repositories.refused.message, undefined);
  }
  return {
    step: 'status',
    status: status(world, now, {
      status: 'True',
      reason: 'Ready',
      message: `${repositories.chroots.length} repositories are in place`,
    }),
  };
}

/** The publisher must be asked when the spec changed, when it never answered well, or when builds were published since. */
function isStale({ project, published }: ProjectWorld): boolean {
  const { status } = project;
  if (!isTrue(status?.conditions as Condition[] | undefined, 'Ready')) return true;
  if (status?.observedGeneration !== project.metadata.generation) return true;
  return (status?.chroots ?? []).some(({ name, generation }) => (published.get(name) ?? 0) > generation);
}

function request({ project, chroots }: ProjectWorld): RepositoryRequest {
  const { repoPriority, moduleHotfixes } = project.spec.options;
  return {
    chroots: project.spec.chroots.map((name) => ({ name, architecture: chroots.get(name)?.spec.architecture ?? '' })),
    repoFile: { ...(repoPriority === undefined ? {} : { priority: repoPriority }), moduleHotfixes },
  };
}

function notReady(
  world: ProjectWorld,
  now: number,
  reason: string,
  message: string,
  requeueAfterMs: number | undefined,
): ProjectPlan {
  // A Project that was ready stays so while an addition to it is being made.
  const wasReady = isTrue(world.project.status?.conditions as Condition[] | undefined, 'Ready');
  const condition =
    (reason === CREATING || reason === UNAVAILABLE) && wasReady
      ? undefined
      : ({ status: 'False', reason, message } as const);
  return {
    step: 'status',
    status: status(world, now, condition),
    ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }),
  };
}

/** The one place where the status of a Project is made. Without a condition the Ready condition stays as it is. */
function status(
  world: ProjectWorld,
  now: number,
  ready: Pick<Condition, 'status' | 'reason' | 'message'> | undefined,
): ProjectStatus {
  const { project, owner, repositories } = world;
  const previous = project.status;
  const answer =
    repositories !== undefined && repositories !== 'pending' && 'state' in repositories ? repositories : undefined;
  // Only what the publisher has made repositories for: this name decides what a deletion deletes.
  const mine = answer && 'owner' in owner ? owner.owner : previous?.owner;
  const before = previous?.conditions as Condition[] | undefined;
  const conditions = ready
    ? setCondition(before, { type: 'Ready', ...ready }, project.metadata.generation, toTimestamp(now))
    : before;
  const settled = ready?.status === 'True';
  const observed = settled ? project.metadata.generation : previous?.observedGeneration;
  const keyURL = answer?.publicKeyURL ?? previous?.publicKeyURL;
  const fingerprint = answer?.publicKeyFingerprint ?? previous?.publicKeyFingerprint;
  const chroots = answer?.chroots ?? previous?.chroots;
  return {
    ...(observed === undefined ? {} : { observedGeneration: observed }),
    ...(conditions === undefined ? {} : { conditions }),
    ...(mine === undefined ? {} : { owner: mine }),
    ...(keyURL === undefined ? {} : { publicKeyURL: keyURL }),
    ...(fingerprint === undefined ? {} : { publicKeyFingerprint: fingerprint }),
    ...(chroots === undefined ? {} : { chroots: [...chroots] }),
    builds: counts(world.builds),
    ready: ready?.status ?? previous?.ready ?? 'Unknown',
    chrootCount: project.spec.chroots.length,
  };
}

function counts(builds: readonly Build[]): NonNullable<ProjectStatus['builds']> {
  const active = builds.filter((build) => !isComplete(build)).length;
  const succeeded = builds.filter(hasSucceeded).length;
  return { total: builds.length, active, succeeded, failed: builds.length - active - succeeded };
}

/** Builds first (each ends itself when it sees this; deleting one cancels it), repositories when no Build is left that could write into them. */
function deleting(world: ProjectWorld, guarded: boolean, now: number): ProjectPlan {
  if (!guarded) return { step: 'nothing' };
  if (world.project.spec.deletionPolicy === 'Retain') return { step: 'removeFinalizer' };
  const { builds, owner } = world;
  if (builds.length > 0) {
    const patient = now - fromTimestamp(world.project.metadata.deletionTimestamp ?? toTimestamp(now)) < BUILDS_END_MS;
    const doomed = builds
      .filter((build) => build.metadata.deletionTimestamp === undefined)
      .filter((build) => isComplete(build) || !patient);
    return { step: 'deleteBuilds', builds: doomed.sort(byAge).slice(0, DELETE_BATCH) };
  }
  // Before the first answer of the publisher the namespace decides, unless its name is another one's.
  const claimed = world.conflict === undefined && 'owner' in owner ? owner.owner : undefined;
  const name = world.project.status?.owner ?? claimed;
  // Never had an owner: nothing was ever made for it.
  return name === undefined ? { step: 'removeFinalizer' } : { step: 'deleteRepositories', owner: name };
}

function byAge(a: Build, b: Build): number {
  return (
    fromTimestamp(a.metadata.creationTimestamp ?? toTimestamp(0)) -
    fromTimestamp(b.metadata.creationTimestamp ?? toTimestamp(0))
  );
}
