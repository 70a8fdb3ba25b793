import type { Build } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { Source } from '../../crds/common.ts';
import { dirnameOf, projectNameOf } from '../../crds/names.ts';
import { COMPLETE } from '../../crds/states.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition } from '../../operator/conditions.ts';
import { stillBuilt, wantedChroots } from './chroots.ts';
import type { Obstacle } from './obstacle.ts';
import { failed, missing, waiting } from './obstacle.ts';
import { impossibleOrder, othersFirst } from './order.ts';
import type { BuildWorld } from './world.ts';

/** Milliseconds for which a Project may be not ready; its repositories and key are made in seconds. */
const NOT_READY_GRACE_MS = 600_000;

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
  if (source === undefined && world.package !== undefined) {
    const remedy = 'set spec.source there, or name a source in the Build';
    return failed('PackageWithoutSource', `Package "${build.spec.package}" has no source; ${remedy}`);
  }
  if (source === undefined) {
    return missing(world, now, 'PackageNotFound', `there is no Package "${build.spec.package}" in this namespace`);
  }
  const wanted = wantedChroots(world);
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
  const impossible = impossibleOrder(world);
  if (impossible !== undefined) return impossible;
  const notReady = projectNotReady(world, now) ?? directoryNotReady(world, now);
  if (notReady !== undefined) return notReady;
  if (project?.spec.suspend === true) {
    return waiting('ProjectSuspended', `Project "${build.spec.project}" is suspended`);
  }
  return othersFirst(world, now);
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

/** The Project controller makes the repositories of directories that Builds name. */
function directoryNotReady({ build, project }: BuildWorld, now: number): Obstacle | undefined {
  if (build.spec.directory === undefined || project === undefined) return undefined;
  const dirname = dirnameOf(projectNameOf(project), build);
  if (project.status?.directories?.includes(dirname) === true) return undefined;
  const ready = findCondition(project.status?.conditions as Condition[] | undefined, 'Ready');
  const message = `the repositories of directory "${dirname}" are being made; the Project says: ${ready?.message ?? 'nothing'}`;
  const left = Math.max(stamp(build.metadata.creationTimestamp), firstSeen(build, now)) + NOT_READY_GRACE_MS - now;
  return left <= 0 ? failed('DirectoryNotReady', message) : waiting('DirectoryNotReady', message, left);
}

/** When kopr first looked at the Build. While it was away, nobody could make the Project ready either. */
function firstSeen({ status }: Build, now: number): number {
  const seen = findCondition(status?.conditions as Condition[] | undefined, COMPLETE)?.lastTransitionTime;
  return seen === undefined ? now : stamp(seen);
}

function stamp(text: string | undefined): number {
  return text === undefined ? 0 : fromTimestamp(text);
}
