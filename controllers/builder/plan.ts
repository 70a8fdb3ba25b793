import type { Builder } from '../../crds/builder.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { Note } from '../shared/notes.ts';
import { normal, warning } from '../shared/notes.ts';
import { isFailedStart } from '../shared/starts.ts';
import type { PodState } from './podstate.ts';
import { podState } from './podstate.ts';
import type { BuilderWorld } from './world.ts';

type BuilderStatus = NonNullable<Builder['status']>;

/** For so long a Builder that never started is kept: its pool judges by it how long to pause. */
export const KEEP_FAILED_START_MS = 600_000;

/** For so long, and so often, the publisher is asked to refuse the token of an attempt whose build was deleted. */
export const FORGET_DEADLINE_MS = 600_000;
export const FORGET_AGAIN_MS = 5_000;
export const ABANDONED = 'BuildDeleted';

export interface BuilderPlan {
  /** Delete the Builder with all it owns; it is counted until its pod is gone. */
  deleteBuilder: boolean;
  /** Before that: have the publisher refuse the token of this attempt. Nobody else does, since its stage is deleted. */
  forget: boolean;
  deletePod: boolean;
  createPod: boolean;
  status?: BuilderStatus;
  notes: Note[];
  requeueAfterMs?: number;
}

const NOTHING: BuilderPlan = { deleteBuilder: false, forget: false, deletePod: false, createPod: false, notes: [] };

/** Pure: what a Builder needs next. `now` in milliseconds since the epoch. */
export function planBuilder(world: BuilderWorld, now: number): BuilderPlan {
  const { builder, ticket, pod } = world;
  if (builder.metadata.deletionTimestamp !== undefined) return NOTHING;
  if (ticket === undefined || ticket.spec.closed) return released(world, now);

  const phase = builder.status?.phase;
  if (phase === 'Ended' || phase === 'Lost') return NOTHING;
  if (pod === undefined) return phase === undefined ? start(world, now) : lost(world, now, VANISHED);
  if (pod.metadata.deletionTimestamp !== undefined) return lost(world, now, VANISHED);

  const state = podState(pod);
  const left = startDeadline(world) - now;
  if (state.phase === 'Starting' && left <= 0) {
    const message = `did not start within ${startTimeoutSeconds(world)} s: ${state.message}`;
    return { ...lost(world, now, { ...state, reason: 'StartTimeout', message }), deletePod: true };
  }
  const plan = { ...NOTHING, status: statusFor(world, state, now), notes: notes(builder, state) };
  return state.phase === 'Starting' ? { ...plan, requeueAfterMs: Math.max(1_000, left) } : plan;
}

/** True when the plan would give the pod up for gone. A cache that lags behind is no proof: ask before you follow it. */
export function missesItsPod({ builder, pod, ticket }: BuilderWorld): boolean {
  const phase = builder.status?.phase;
  const wanted = ticket !== undefined && !ticket.spec.closed && builder.metadata.deletionTimestamp === undefined;
  return wanted && pod === undefined && (phase === 'Starting' || phase === 'Running');
}

const VANISHED: Omit<PodState, 'phase'> = {
  reason: 'PodVanished',
  message: 'its pod was deleted or its node is gone',
};

/** A pod that the API server will not have: trying again with the same pod would be in vain. */
export function refused(world: BuilderWorld, now: number, message: string): BuilderStatus {
  return statusFor(world, { phase: 'Lost', reason: 'PodRefused', message }, now);
}

function start(world: BuilderWorld, now: number): BuilderPlan {
  if (world.chrootBuild === undefined) return { ...NOTHING, deleteBuilder: true };
  if (world.chrootBuild.spec.stage === 'binary' && world.chroot === undefined) {
    return lost(world, now, {
      reason: 'PodRefused',
      message: `Chroot ${world.chrootBuild.spec.chroot} is no longer there`,
    });
  }
  if (world.chroot !== undefined && world.chroot.spec.container === undefined) {
    return lost(world, now, {
      reason: 'PodRefused',
      message: `Chroot ${world.chroot.spec.name} has no image any more; a BuilderPool of machines can build in it`,
    });
  }
  if (startDeadline(world) <= now) {
    return lost(world, now, {
      reason: 'StartTimeout',
      message: 'its pod could not be created in time; the log of the operator says why',
    });
  }
  const state: PodState = { phase: 'Starting', reason: 'BuilderStarting', message: 'its builder is starting' };
  return { ...NOTHING, createPod: true, status: statusFor(world, state, now) };
}

function lost(world: BuilderWorld, now: number, why: Omit<PodState, 'phase'>): BuilderPlan {
  return {
    ...NOTHING,
    status: statusFor(world, { ...why, phase: 'Lost' }, now),
    notes: [warning(why.reason, why.message)],
  };
}

/** Nobody needs it any more. */
function released(world: BuilderWorld, now: number): BuilderPlan {
  const { status } = world.builder;
  const over: BuilderPlan = {
    ...NOTHING,
    deleteBuilder: true,
    forget: isAbandoned(world.builder.status, world.chrootBuild),
  };
  if (!isFailedStart(world.builder) || status?.endedAt === undefined) return over;
  const left = fromTimestamp(status.endedAt) + KEEP_FAILED_START_MS - now;
  if (left <= 0) return over;
  return { ...NOTHING, deletePod: world.pod !== undefined, requeueAfterMs: left };
}

/** Its stage was deleted while it worked. What is being published already must not be taken away from the publisher. */
export function isAbandoned(
  session: { phase?: string | undefined; reason?: string | undefined } | undefined,
  chrootBuild: ChrootBuild | undefined,
): boolean {
  if (session?.phase === 'Ended' && session.reason !== ABANDONED) return false;
  if (chrootBuild === undefined) return true;
  const phase = chrootBuild.status?.phase;
  return chrootBuild.metadata.deletionTimestamp !== undefined && phase !== 'Publishing' && phase !== 'Importing';
}

/**
 * The publisher did not answer: the pod ends at once, and the Builder stays until the token is refused, for ten minutes
 * at most. Ended, not Lost: its pool has done nothing wrong.
 */
export function unforgotten(world: BuilderWorld, now: number): BuilderPlan {
  const { status } = world.builder;
  const since = status?.reason === ABANDONED && status.endedAt !== undefined ? fromTimestamp(status.endedAt) : now;
  if (since + FORGET_DEADLINE_MS <= now) return { ...NOTHING, deleteBuilder: true };
  const message = 'its build was deleted; waits for the publisher to refuse its token';
  const state: PodState = { phase: 'Ended', reason: ABANDONED, message };
  return {
    ...NOTHING,
    deletePod: world.pod !== undefined,
    status: { ...statusFor(world, state, now), endedAt: toTimestamp(since) },
    requeueAfterMs: FORGET_AGAIN_MS,
  };
}

/** Seconds from the creation of a Builder to the start of its build container. */
export function startTimeoutSeconds({ pool }: Pick<BuilderWorld, 'pool'>): number {
  return pool?.spec.startTimeoutSeconds ?? 600;
}

function startDeadline(world: BuilderWorld): number {
  const created = world.builder.metadata.creationTimestamp;
  return (created === undefined ? 0 : fromTimestamp(created)) + startTimeoutSeconds(world) * 1000;
}

function statusFor(world: BuilderWorld, state: PodState, now: number): BuilderStatus {
  const { builder, pod } = world;
  const previous = builder.status;
  const ended = state.phase === 'Ended' || state.phase === 'Lost';
  const node = pod?.spec.nodeName ?? previous?.node;
  const startedAt = state.startedAt ?? previous?.startedAt;
  return {
    observedGeneration: builder.metadata.generation ?? 0,
    phase: state.phase,
    reason: state.reason,
    message: state.message,
    pod: builder.metadata.name,
    ...(node === undefined ? {} : { node }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(ended ? { endedAt: previous?.endedAt ?? toTimestamp(now) } : {}),
  };
}

/** A good end is told by the stage, when the results are published; the Builder is gone by then. */
function notes(builder: Builder, state: PodState): Note[] {
  if (state.phase === 'Ended') return [];
  if (builder.status?.phase === state.phase && builder.status.reason === state.reason) return [];
  const say = state.phase === 'Lost' || state.reason === 'ImagePullFailed' ? warning : normal;
  return [say(state.reason, state.message)];
}
