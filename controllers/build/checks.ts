import type { Build } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Source } from '../../crds/common.ts';
import { COMPLETE, isComplete } from '../../crds/states.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition } from '../../operator/conditions.ts';
import { branchOf } from './children.ts';
import type { BuildWorld } from './world.ts';

/** Seconds for which things that a Build refers to may be missing: GitOps tools apply them in any order. */
export const MISSING_GRACE_MS = 120_000;

/** Milliseconds for which a Project may be not ready; its repositories and key are made in seconds. */
const NOT_READY_GRACE_MS = 600_000;

/** The way a Build cannot go on: for ever (failed), or for now (waiting). */
export type Obstacle =
  | { kind: 'failed'; reason: string; message: string }
  | { kind: 'waiting'; reason: string; message: string; requeueAfterMs?: number };

export interface Resolved {
  source: Source;
  chroots: Chroot[];
}

/** Resolves what the Build refers to. Checks run in the order in which a person would want to hear of them. */
export function resolve(world: BuildWorld, now: number): Obstacle | Resolved {
  const { build, project } = world;
  if (project === undefined || project.metadata.deletionTimestamp !== undefined) {
    return missing(world, now, 'ProjectNotFound', `there is no Project "${build.spec.project}" in this namespace`);
  }
  // Once begun, a Build goes on with what it began with, whatever becomes of its Package.
  const begun = world.children.find((child) => child.spec.stage === 'source');
  const source = begun?.spec.source ?? build.spec.source ?? world.package?.spec.source;
  if (source === undefined) {
    return missing(world, now, 'PackageNotFound', `there is no Package "${build.spec.package}" in this namespace`);
  }
  const wanted = build.spec.chroots ?? world.package?.spec.chroots ?? project.spec.chroots;
  if (begun !== undefined) {
    const chroots = stillBuilt(world, wanted, begun);
    if (chroots.length > 0) return { source, chroots };
    return failed('ChrootNotInProject', `Project "${build.spec.project}" has no chroot of this Build any more`);
  }
  const foreign = wanted.filter((name) => !project.spec.chroots.includes(name));
  if (foreign.length > 0) {
    return failed(
      'ChrootNotInProject',
      `Project "${build.spec.project}" has no chroot ${foreign.join(', ')}; it has ${project.spec.chroots.join(', ')}`,
    );
  }
  const unknown = wanted.filter((name) => !world.chroots.has(name));
  if (unknown.length > 0) {
    return missing(
      world,
      now,
      'ChrootNotFound',
      `this cluster has no Chroot ${unknown.join(', ')}; "kubectl get chroots" lists what it has`,
    );
  }
  const chroots = wanted.map((name) => world.chroots.get(name)).filter((chroot) => chroot !== undefined);
  const ended = chroots.filter((chroot) => chroot.spec.state === 'EndOfLife').map((chroot) => chroot.spec.name);
  if (ended.length > 0) {
    return failed('ChrootEndOfLife', `nothing new is built in ${ended.join(', ')}, since it is at its end of life`);
  }
  return { source, chroots };
}

/**
 * Chroots of a Build that has begun. One that was added since has no sources on distgit; one that was taken out of the
 * Project is built no more, unless it is being built already: the others must not suffer for it.
 */
function stillBuilt(world: BuildWorld, wanted: readonly string[], begun: ChrootBuild): Chroot[] {
  const started = world.children.filter((child) => child.spec.stage === 'binary').map((child) => child.spec.chroot);
  const toStart = wanted
    .filter((name) => world.project?.spec.chroots.includes(name))
    .map((name) => world.chroots.get(name))
    .filter((chroot) => chroot !== undefined)
    .filter((chroot) => begun.spec.branches?.includes(branchOf(chroot)));
  const going = started.map((name) => world.chroots.get(name)).filter((chroot) => chroot !== undefined);
  return [...new Set([...toStart, ...going])];
}

/** What a Build that is right in itself may still have to wait for. */
export function hold(world: BuildWorld, now: number): Obstacle | undefined {
  const { build, project } = world;
  if (world.strangers.length > 0) {
    return waiting(
      'NameInUse',
      `ChrootBuild ${world.strangers[0]?.metadata.name} of an earlier Build with this name is still being deleted`,
      2_000,
    );
  }
  if (world.cycle !== undefined) {
    const names = [build.metadata.name, ...world.cycle].map((name) => `"${name}"`).join(' after ');
    return failed('AfterCycle', `it would wait for itself: Build ${names}; create one of them without spec.after`);
  }
  const notReady = projectNotReady(world, now);
  if (notReady !== undefined) return notReady;
  if (project?.spec.suspend === true) {
    return waiting('ProjectSuspended', `Project "${build.spec.project}" is suspended`);
  }
  const open = (build.spec.after ?? []).filter((name) => !isComplete(world.after.get(name)));
  const absent = open.find((name) => !world.after.has(name));
  if (absent !== undefined) {
    return missing(world, now, 'AfterBuildNotFound', `Build "${absent}", which this one comes after, does not exist`);
  }
  if (open.length > 0) return waiting('AfterBuild', `comes after Build ${open.map((name) => `"${name}"`).join(', ')}`);
  return undefined;
}

/** Something is wrong with a Project for longer than GitOps tools need: its Builds end with what it says. */
function projectNotReady({ build, project, owner }: BuildWorld, now: number): Obstacle | undefined {
  const ready = findCondition(project?.status?.conditions as Condition[] | undefined, 'Ready');
  if (ready?.status === 'True' && owner !== undefined) return undefined;
  const why = ready?.status === 'True' ? 'it has no owner yet' : (ready?.message ?? 'its repositories are being made');
  const message = `Project "${build.spec.project}" is not ready: ${why}`;
  const since = ready === undefined ? firstSeen(build, now) : stamp(ready.lastTransitionTime);
  const left = Math.max(stamp(build.metadata.creationTimestamp), since) + NOT_READY_GRACE_MS - now;
  return left <= 0 ? failed('ProjectNotReady', message) : waiting('ProjectNotReady', message, left);
}

/** When kopr first looked at the Build. While it was away, nobody could make the Project ready either. */
function firstSeen({ status }: Build, now: number): number {
  const seen = findCondition(status?.conditions as Condition[] | undefined, COMPLETE)?.lastTransitionTime;
  return seen === undefined ? now : stamp(seen);
}

function stamp(text: string | undefined): number {
  return text === undefined ? 0 : fromTimestamp(text);
}

function missing(world: BuildWorld, now: number, reason: string, message: string): Obstacle {
  const created = world.build.metadata.creationTimestamp;
  const left = created === undefined ? MISSING_GRACE_MS : fromTimestamp(created) + MISSING_GRACE_MS - now;
  if (left <= 0) return failed(reason, message);
  return waiting(reason, message, left);
}

function failed(reason: string, message: string): Obstacle {
  return { kind: 'failed', reason, message };
}

function waiting(reason: string, message: string, requeueAfterMs?: number): Obstacle {
  return { kind: 'waiting', reason, message, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) };
}
