import type { Build } from '../../crds/build.ts';
import { projectNameOf } from '../../crds/names.ts';
import { isComplete } from '../../crds/states.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { RepositoryRequest } from '../../lib/protocol/publisher.ts';
import type { Condition } from '../../operator/conditions.ts';
import { isTrue } from '../../operator/conditions.ts';
import { isGitOpsOwned } from '../retention/plan.ts';
import { missingDirectories } from './names.ts';
import type { Wish } from './repositories.ts';
import type { ProjectStatus } from './status.ts';
import { projectStatus, regenerationOf } from './status.ts';
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
/** A wake-up further away than this is split: timers of weeks are not worth trusting. */
const LONGEST_SLEEP_MS = 3_600_000;
/** For so long a deletion waits for Builds to say that they have ended, so that whoever waits for them learns of it. */
const BUILDS_END_MS = 60_000;
/** Builds that are deleted in one go when their Project is deleted. */
export const DELETE_BATCH = 100;

export type ProjectPlan =
  /** It has no number yet: get one, then plan again. Nothing else is done before. */
  | { step: 'allocateID' }
  | { step: 'addFinalizer' }
  /** Ask the publisher, then plan again with its answers. */
  | ({ step: 'ensureRepositories' } & Wish)
  | { step: 'status'; status: ProjectStatus; requeueAfterMs?: number }
  | { step: 'deleteBuilds'; builds: Build[] }
  | { step: 'deleteRepositories'; owner: string; name: string }
  /** Its time is over: delete it, as it is now. */
  | { step: 'expire' }
  | { step: 'removeFinalizer' }
  | { step: 'nothing' };

/** Pure: what a Project needs next. `now` in milliseconds since the epoch. */
export function planProject(world: ProjectWorld, now: number): ProjectPlan {
  const { project } = world;
  const guarded = project.metadata.finalizers?.includes(FINALIZER) === true;
  if (project.metadata.deletionTimestamp !== undefined) return deleting(world, guarded, now);
  if (isExpired(world, now) && !isGitOpsOwned(project) && world.builds.every(isComplete)) return { step: 'expire' };
  if (project.status?.id === undefined) return { step: 'allocateID' };
  return untilExpiry(world, living(world, guarded, now), now);
}

function living(world: ProjectWorld, guarded: boolean, now: number): ProjectPlan {
  const { project, owner, conflict, nameTaken, repositories } = world;
  const problem = 'problem' in owner ? owner.problem : conflict;
  if (problem !== undefined || !('owner' in owner)) {
    return notReady(world, now, 'OwnerNotValid', problem ?? '', RETRY_MISSING_MS);
  }
  const former = project.status?.owner;
  if (former !== undefined && former !== owner.owner) {
    const message = `its repositories belong to owner "${former}", but the owner of its namespace is "${owner.owner}" now; give the namespace its former owner back, or make the Project anew`;
    return notReady(world, now, 'OwnerChanged', message, RETRY_MISSING_MS);
  }
  if (nameTaken !== undefined) return notReady(world, now, 'NameTaken', nameTaken, RETRY_MISSING_MS);
  const unknown = project.spec.chroots.filter((name) => !world.chroots.has(name));
  if (unknown.length > 0) {
    const message = `this cluster has no Chroot ${unknown.join(', ')}; "kubectl get chroots" lists what it has`;
    return notReady(world, now, 'ChrootNotFound', message, RETRY_MISSING_MS);
  }
  // Before the first effect outside the cluster.
  if (!guarded) return { step: 'addFinalizer' };
  if (repositories === undefined) {
    const directories = dueDirectories(world);
    if (!isStale(world) && directories.length === 0) return ready(world, project.status?.chroots?.length ?? 0, now);
    return {
      step: 'ensureRepositories',
      owner: owner.owner,
      name: projectNameOf(project),
      request: request(world),
      directories,
    };
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
  return ready(world, repositories.chroots.length, now);
}

function ready(world: ProjectWorld, repositories: number, now: number): ProjectPlan {
  const { pending = [], refused = [] } = world.directories ?? {};
  const [first] = refused;
  const message = [
    `${repositories} repositories are in place`,
    ...(first === undefined ? [] : [`the publisher refuses directory "${first.dirname}": ${first.message}`]),
    ...(isExpired(world, now) && isGitOpsOwned(world.project)
      ? ['it has expired, but is not deleted, since the tool that owns it would make it again; delete it there']
      : []),
  ].join('; ');
  return {
    step: 'status',
    status: projectStatus(world, now, { status: 'True', reason: 'Ready', message }),
    ...(pending.length === 0 ? {} : { requeueAfterMs: POLL_MS }),
  };
}

function isExpired({ project }: ProjectWorld, now: number): boolean {
  const { expiresAt } = project.spec;
  return expiresAt !== undefined && fromTimestamp(expiresAt) <= now;
}

/** Looks again at the latest when its time is over. */
function untilExpiry(world: ProjectWorld, plan: ProjectPlan, now: number): ProjectPlan {
  const { expiresAt } = world.project.spec;
  if (plan.step !== 'status' || expiresAt === undefined || isExpired(world, now)) return plan;
  const left = Math.min(fromTimestamp(expiresAt) - now, LONGEST_SLEEP_MS, plan.requeueAfterMs ?? LONGEST_SLEEP_MS);
  return { ...plan, requeueAfterMs: left };
}

/** Those that Builds wait for first; then, when settings have changed, all that there are. */
function dueDirectories(world: ProjectWorld): string[] {
  const missing = missingDirectories(world);
  return hasNewSettings(world) ? [...missing, ...(world.project.status?.directories ?? [])] : missing;
}

/** The publisher must be asked when settings changed, when it never answered well, or when builds were published since. */
function isStale(world: ProjectWorld): boolean {
  if (hasNewSettings(world)) return true;
  return (world.project.status?.chroots ?? []).some(
    ({ name, generation }) => (world.published.get(name) ?? 0) > generation,
  );
}

function hasNewSettings({ project }: ProjectWorld): boolean {
  const { status } = project;
  if (!isTrue(status?.conditions as Condition[] | undefined, 'Ready')) return true;
  if (status?.observedGeneration !== project.metadata.generation) return true;
  const wish = regenerationOf(project);
  return wish !== undefined && wish !== status?.regenerated;
}

function request({ project, chroots }: ProjectWorld): RepositoryRequest {
  const { develMode, repoPriority, moduleHotfixes } = project.spec.options;
  const regenerate = regenerationOf(project);
  return {
    chroots: project.spec.chroots.map((name) => {
      const comps = project.spec.chrootSettings?.find((settings) => settings.name === name)?.comps?.content;
      const architecture = chroots.get(name)?.spec.architecture ?? '';
      return { name, architecture, ...(comps === undefined ? {} : { comps }) };
    }),
    develMode,
    ...(regenerate === undefined ? {} : { regenerate }),
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
    status: projectStatus(world, now, condition),
    ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }),
  };
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
  // What it never had for itself alone is another one's.
  if (world.nameTaken !== undefined) return { step: 'removeFinalizer' };
  // Before the first answer of the publisher the namespace decides, unless its name is another one's.
  const claimed = world.conflict === undefined && 'owner' in owner ? owner.owner : undefined;
  const whose = world.project.status?.owner ?? claimed;
  // Never had an owner: nothing was ever made for it.
  if (whose === undefined) return { step: 'removeFinalizer' };
  return { step: 'deleteRepositories', owner: whose, name: projectNameOf(world.project) };
}

function byAge(a: Build, b: Build): number {
  return (
    fromTimestamp(a.metadata.creationTimestamp ?? toTimestamp(0)) -
    fromTimestamp(b.metadata.creationTimestamp ?? toTimestamp(0))
  );
}
