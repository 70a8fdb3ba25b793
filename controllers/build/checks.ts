import type { Chroot } from '../../crds/chroot.ts';
import type { Source } from '../../crds/common.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { isTrue } from '../../operator/conditions.ts';
import { isComplete } from '../shared/states.ts';
import { branchOf } from './children.ts';
import type { BuildWorld } from './world.ts';

/** Seconds for which things that a Build refers to may be missing: GitOps tools apply them in any order. */
export const MISSING_GRACE_MS = 120_000;

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
  if (begun !== undefined) {
    // A chroot that was added since has no sources on distgit.
    return { source, chroots: chroots.filter((chroot) => begun.spec.branches?.includes(branchOf(chroot))) };
  }
  const ended = chroots.filter((chroot) => chroot.spec.state === 'EndOfLife').map((chroot) => chroot.spec.name);
  if (ended.length > 0) {
    return failed('ChrootEndOfLife', `nothing new is built in ${ended.join(', ')}, since it is at its end of life`);
  }
  return { source, chroots };
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
  if (!isTrue(project?.status?.conditions as Condition[] | undefined, 'Ready')) {
    return waiting('ProjectNotReady', `the repositories of Project "${build.spec.project}" are not ready yet`);
  }
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
