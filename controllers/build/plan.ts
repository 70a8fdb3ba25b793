import type { BuildStatus } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { CoprState } from '../../crds/common.ts';
import { hasSucceeded, isComplete, reobserved } from '../../crds/states.ts';
import type { Note } from '../shared/notes.ts';
import { normal, warning } from '../shared/notes.ts';
import type { Resolved } from './checks.ts';
import { hold, resolve } from './checks.ts';
import { binaryChild, skipReason, sourceChild } from './children.ts';
import { wantedChroots } from './chroots.ts';
import type { Obstacle } from './obstacle.ts';
import type { Facts, Standing } from './status.ts';
import { buildStatus } from './status.ts';
import type { BuildWorld } from './world.ts';

export interface BuildPlan {
  /** The Build has no number yet: get one, then plan again. Nothing else is done before. */
  allocateID: boolean;
  create: ChrootBuild[];
  /** ChrootBuilds to be told that they are cancelled. */
  cancel: ChrootBuild[];
  status: BuildStatus | undefined;
  notes: Note[];
  requeueAfterMs?: number;
}

const NOTHING: BuildPlan = { allocateID: false, create: [], cancel: [], status: undefined, notes: [] };

/** Pure: what a Build needs next. `now` in milliseconds since the epoch. */
export function planBuild(world: BuildWorld, now: number): BuildPlan {
  const { build } = world;
  if (build.metadata.deletionTimestamp !== undefined) return NOTHING;
  // A stage that was made just before the end, unseen by whoever decided that it is the end, must not go on alone.
  if (isComplete(build)) return { ...NOTHING, cancel: toCancel(world), status: reobserved(build) };
  if (build.status?.id === undefined) return { ...NOTHING, allocateID: true };
  if (isDoomed(world)) return doomed(world, now);
  if (build.spec.cancelled) return cancelled(world, now);

  const resolved = resolve(world, now);
  if ('kind' in resolved) return obstructed(world, resolved, undefined, now);
  const facts = gather(world, resolved);
  if (facts.sourceChild === undefined) {
    const obstacle = hold(world, now);
    if (obstacle !== undefined) return obstructed(world, obstacle, facts, now);
    return going(world, facts, now, [sourceChild(world, resolved.source, resolved.chroots)]);
  }
  if (!isComplete(facts.sourceChild)) return going(world, facts, now, []);
  if (!hasSucceeded(facts.sourceChild)) return sourceFailed(world, facts, now);
  return binaries(world, facts, now);
}

function gather(world: BuildWorld, resolved: Resolved): Facts {
  const source = world.children.find((child) => child.spec.stage === 'source');
  const imported = source?.status?.imported;
  const skipped = new Map<string, string>();
  if (imported) {
    for (const chroot of resolved.chroots) {
      const reason = skipReason(chroot, imported);
      if (reason !== undefined) skipped.set(chroot.spec.name, reason);
    }
  }
  return { chroots: resolved.chroots, skipped, sourceChild: source, binaries: binariesOf(world) };
}

function binariesOf(world: BuildWorld): Map<string, ChrootBuild> {
  const binary = world.children.filter((child) => child.spec.stage === 'binary');
  return new Map(binary.map((child) => [child.spec.chroot, child]));
}

function binaries(world: BuildWorld, facts: Facts, now: number): BuildPlan {
  const imported = facts.sourceChild?.status?.imported;
  if (imported === undefined) return ended(world, facts, now, broken('the source stage left no imported package'));
  const create: ChrootBuild[] = [];
  for (const chroot of facts.chroots) {
    if (facts.skipped.has(chroot.spec.name) || facts.binaries.has(chroot.spec.name)) continue;
    const child = binaryChild(world, chroot, imported);
    if (child === undefined) return ended(world, facts, now, broken(`distgit has no branch for ${chroot.spec.name}`));
    create.push(child);
  }
  const open = create.length > 0 || [...facts.binaries.values()].some((child) => !isComplete(child));
  if (open) return going(world, facts, now, create);
  return ended(world, facts, now, verdict(facts));
}

function verdict(facts: Facts): Standing {
  const all = facts.chroots.length;
  const failed = [...facts.binaries.values()].filter((child) => !hasSucceeded(child));
  const first = failed[0];
  if (first !== undefined) {
    const names = failed.map((child) => child.spec.chroot).join(', ');
    const message = `${failed.length} of ${all} chroots failed (${names}): ${first.status?.message ?? 'no reason is known'}`;
    return { outcome: 'failed', state: 'failed', reason: first.status?.reason ?? 'BuildFailed', message };
  }
  if (facts.binaries.size === 0) {
    return {
      outcome: 'succeeded',
      state: 'skipped',
      reason: 'AllChrootsSkipped',
      message: 'the spec excludes the architecture of every chroot',
    };
  }
  const skipped = facts.skipped.size === 0 ? '' : `, ${facts.skipped.size} skipped`;
  return {
    outcome: 'succeeded',
    state: 'succeeded',
    reason: 'Published',
    message: `built and published for ${facts.binaries.size} of ${all} chroots${skipped}`,
  };
}

function sourceFailed(world: BuildWorld, facts: Facts, now: number): BuildPlan {
  const { reason, message } = facts.sourceChild?.status ?? {};
  return ended(world, facts, now, {
    outcome: 'failed',
    state: 'failed',
    reason: reason ?? 'SourceFailed',
    message: `the source package could not be made: ${message ?? 'no reason is known'}`,
  });
}

function broken(message: string): Standing {
  return { outcome: 'failed', state: 'failed', reason: 'InternalError', message };
}

function obstructed(world: BuildWorld, obstacle: Obstacle, facts: Facts | undefined, now: number): BuildPlan {
  const { reason, message } = obstacle;
  if (obstacle.kind === 'failed') {
    const over: Standing = { outcome: 'failed', state: 'failed', reason, message };
    return isAnyOpen(world) ? ending(world, over, now) : ended(world, facts, now, over);
  }
  const standing: Standing = { outcome: 'running', state: 'waiting', reason, message };
  return {
    ...NOTHING,
    status: buildStatus(world.build, standing, facts, now),
    ...(obstacle.requeueAfterMs === undefined ? {} : { requeueAfterMs: obstacle.requeueAfterMs }),
  };
}

/** The build goes on; its state is that of its most advanced stage. */
function going(world: BuildWorld, facts: Facts, now: number, create: ChrootBuild[]): BuildPlan {
  const stages = facts.binaries.size > 0 ? [...facts.binaries.values()] : [facts.sourceChild];
  const states = stages
    .filter((stage) => stage !== undefined && !isComplete(stage))
    .map((stage) => stage?.status?.state);
  const order: CoprState[] = ['running', 'importing', 'starting'];
  const state = order.find((candidate) => states.includes(candidate)) ?? 'pending';
  const stage = facts.binaries.size > 0 || create.some((child) => child.spec.stage === 'binary') ? 'binary' : 'source';
  const standing: Standing = {
    outcome: 'running',
    state,
    reason: stage === 'source' ? 'BuildingSource' : 'BuildingPackages',
    message: stage === 'source' ? 'the source package is being made' : 'the packages are being built',
  };
  const notes =
    create.length === 0 ? [] : [normal('Queued', `queued ${create.map((child) => child.spec.chroot).join(', ')}`)];
  return { ...NOTHING, create, status: buildStatus(world.build, standing, facts, now), notes };
}

function ended(world: BuildWorld, facts: Facts | undefined, now: number, standing: Standing): BuildPlan {
  const note = standing.outcome === 'succeeded' ? normal : warning;
  return {
    ...NOTHING,
    status: buildStatus(world.build, standing, facts, now),
    notes: [note(standing.reason, standing.message)],
  };
}

function cancelled(world: BuildWorld, now: number): BuildPlan {
  const reason = 'Cancelled';
  if (isAnyOpen(world)) return ending(world, { reason, message: 'cancelled on request' }, now);
  return ended(world, knownFacts(world), now, {
    outcome: 'failed',
    state: 'canceled',
    reason,
    message: 'cancelled on request',
  });
}

/** Its Project takes its repositories and its Builds along. */
function isDoomed({ project }: BuildWorld): boolean {
  return project?.metadata.deletionTimestamp !== undefined && project.spec.deletionPolicy === 'Delete';
}

/** Ends at once, its stages follow: the Project waits for this end, and whoever waits for the Build must see it. */
function doomed(world: BuildWorld, now: number): BuildPlan {
  const message = `Project "${world.build.spec.project}" is being deleted, and its Builds with it`;
  const plan = ended(world, knownFacts(world), now, {
    outcome: 'failed',
    state: 'canceled',
    reason: 'ProjectDeleted',
    message,
  });
  return { ...plan, cancel: toCancel(world) };
}

/** The Build is over, but stages of it are not yet. */
function ending(world: BuildWorld, why: Pick<Standing, 'reason' | 'message'>, now: number): BuildPlan {
  const message = `the stages are being ended: ${why.message}`;
  const standing: Standing = { outcome: 'running', state: 'running', reason: 'Cancelling', message };
  return { ...NOTHING, cancel: toCancel(world), status: buildStatus(world.build, standing, knownFacts(world), now) };
}

function isAnyOpen(world: BuildWorld): boolean {
  return world.children.some((child) => !isComplete(child));
}

function toCancel(world: BuildWorld): ChrootBuild[] {
  return world.children.filter((child) => !isComplete(child) && !child.spec.cancelled);
}

/** Of a Build that ends without its references being resolved. Without its Project nothing new is known. */
function knownFacts(world: BuildWorld): Facts | undefined {
  if (world.project === undefined) return undefined;
  const chroots = wantedChroots(world)
    .map((name) => world.chroots.get(name))
    .filter((chroot) => chroot !== undefined);
  return {
    chroots,
    skipped: new Map(),
    sourceChild: world.children.find((child) => child.spec.stage === 'source'),
    binaries: binariesOf(world),
  };
}
