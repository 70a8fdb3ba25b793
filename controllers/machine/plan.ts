import { fromTimestamp } from '../../lib/clock.ts';
import { warning } from '../shared/notes.ts';
import { blocked, planDeleting } from './deleting.ts';
import { planLiveness } from './liveness.ts';
import { planRelease } from './release.ts';
import { planClaimed } from './session.ts';
import { planStart } from './start.ts';
import type { MachinePlan } from './status.ts';
import { LOOK_AGAIN_MS, lost, NOTHING, statusWith } from './status.ts';
import type { MachineWorld } from './world.ts';

/** A lost machine that is still there after so long is deleted here. */
export const LOST_DEADLINE_MS = 120_000;

/** Pure: what a machine needs next. `now` in milliseconds since the epoch. */
export function planMachine(world: MachineWorld, now: number): MachinePlan {
  const { metadata, status } = world.builder;
  if (metadata.deletionTimestamp !== undefined) return planDeleting(world, now);
  switch (status?.phase) {
    case undefined:
    case 'Starting':
      return planStart(world, now);
    case 'Ready':
    case 'Running':
      return planUp(world, now);
    case 'Releasing':
      return planRelease(world, now);
    case 'Deleting':
    case 'Ended':
    case 'Lost':
      return planLost(world, now);
  }
}

/** It serves a ticket, or is free to; either way it is looked at from time to time. */
function planUp(world: MachineWorld, now: number): MachinePlan {
  const { claim, builder } = world;
  if (claim === undefined && builder.status?.phase === 'Running') {
    return lost(world, 'ClaimVanished', 'its ticket was taken off it before it was clean', now);
  }
  const liveness = planLiveness(world, now);
  if (liveness.read !== undefined) return { ...NOTHING, keep: liveness.keep, read: liveness.read };
  if (liveness.lost !== undefined) {
    const plan = lost(world, 'MachineLost', liveness.lost, now);
    return {
      ...plan,
      keep: liveness.keep,
      ...(plan.status ? { status: { ...plan.status, ...liveness.changes } } : {}),
    };
  }
  const plan = claim === undefined ? NOTHING : planClaimed(world, now);
  const checked = Object.keys(liveness.changes).length > 0;
  const status = checked ? { ...(plan.status ?? statusWith(world, {})), ...liveness.changes } : plan.status;
  const wake = [plan.requeueAfterMs, liveness.requeueAfterMs].filter((ms) => ms !== undefined);
  return {
    ...plan,
    keep: [...plan.keep, ...liveness.keep],
    createJobs: [...plan.createJobs, ...liveness.createJobs],
    notes: [...plan.notes, ...liveness.notes],
    ...(status === undefined ? {} : { status }),
    ...(wake.length === 0 ? {} : { requeueAfterMs: Math.max(1, Math.min(...wake)) }),
  };
}

/** The fleet deletes it, when it has taken note of it. Nothing works on it meanwhile. */
function planLost({ builder, pod }: MachineWorld, now: number): MachinePlan {
  const endedAt = builder.status?.endedAt;
  const left = (endedAt === undefined ? 0 : fromTimestamp(endedAt)) + LOST_DEADLINE_MS - now;
  const plan = { ...NOTHING, deletePod: pod !== undefined };
  return left > 0 ? { ...plan, requeueAfterMs: left } : { ...plan, deleteBuilder: true };
}

/** A Job that the API server will not have: trying again with the same one would be in vain. */
export function refusedJob(world: MachineWorld, problem: string, now: number): MachinePlan {
  const message = `a Job for it was refused: ${problem}`;
  if (world.builder.metadata.deletionTimestamp !== undefined) return blocked(world, message, now);
  switch (world.builder.status?.phase) {
    case undefined:
    case 'Starting':
      return lost(world, 'JobRefused', message, now);
    case 'Releasing':
      return lost(world, 'ReleaseFailed', message, now);
    default:
      return { ...NOTHING, notes: [warning('JobRefused', message)], requeueAfterMs: LOOK_AGAIN_MS };
  }
}

export interface Proof {
  ticket: boolean;
  newJob: boolean;
  pod: boolean;
}

/**
 * What the plan takes for gone. A cache that lags behind is no proof: ask before the plan is followed. The Job of "new"
 * was made before the status said so; the pod of a session likewise; nothing may be cleaned under a pod;
 * and a claim may be known before the ticket that it is for.
 */
export function needsProof({ builder, claim, ticket, jobs, pod }: MachineWorld): Proof {
  const { metadata, status } = builder;
  const deleting = metadata.deletionTimestamp !== undefined;
  const making = !deleting && status?.phase === 'Starting' && status.reason === 'Making' && jobs.length === 0;
  const over = status?.session?.phase === 'Ended' || status?.session?.phase === 'Lost';
  const driven = claim?.stage !== undefined && status?.phase === 'Running';
  const claimed = !deleting && (status?.phase === 'Ready' || status?.phase === 'Running');
  return {
    ticket: claimed && claim !== undefined && ticket === undefined,
    newJob: making,
    pod: pod === undefined && (driven || (deleting && !over && status?.session !== undefined)),
  };
}
