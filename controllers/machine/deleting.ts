/** The end of a machine: nothing of ours touches it any more, then the hook "delete" runs until it has succeeded. */
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { setCondition } from '../../operator/conditions.ts';
import type { Job, Pod } from '../../operator/core.ts';
import { jobName, MACHINE_FINALIZER } from '../hook/names.ts';
import { warning } from '../shared/notes.ts';
import { LONGEST_PAUSE_MS, pauseAfter } from '../shared/pause.ts';
import { GONE_DEADLINE_MS } from './session.ts';
import type { MachinePlan } from './status.ts';
import { LOOK_AGAIN_MS, lostSession, NOTHING, statusWith } from './status.ts';
import { endOf, jobFor, stepOf } from './steps.ts';
import type { MachineStatus, MachineWorld } from './world.ts';

/** So often a machine that was taken out of the inventory is asked to be clean. It is cleaned again before it comes back. */
const ATTEMPTS_OUTSIDE_INVENTORY = 5;

const DELETED = 'Deleted';

/** Pure: what a machine needs that is being deleted. */
export function planDeleting(world: MachineWorld, now: number): MachinePlan {
  const { builder, pod } = world;
  if (builder.metadata.finalizers?.includes(MACHINE_FINALIZER) !== true) return NOTHING;
  if (builder.status?.phase !== 'Deleting') return begin(world, now);
  const attempt = builder.status.deleteAttempts ?? 0;
  const own = [
    jobName(builder.metadata.name, `delete-${attempt}`),
    jobName(builder.metadata.name, `delete-${attempt - 1}`),
  ];
  const others = stillThere(world, own, now);
  if (others || (pod !== undefined && isInTheWay(pod, now))) {
    return {
      ...NOTHING,
      keep: own,
      deletePod: pod !== undefined && pod.metadata.deletionTimestamp === undefined,
      requeueAfterMs: LOOK_AGAIN_MS,
    };
  }
  const needed = nothingToDelete(world);
  if (needed) return { ...NOTHING, dropFinalizer: true };
  return { ...remove(world, attempt, own, now) };
}

function begin(world: MachineWorld, now: number): MachinePlan {
  const { status } = world.builder;
  const session = lostSession(world, { reason: 'MachineLost', message: 'its machine is being deleted' }, now);
  const why = status?.phase === 'Lost' ? {} : { reason: 'Deleting', message: 'is being deleted' };
  const changes: Partial<MachineStatus> = {
    phase: 'Deleting',
    ...why,
    endedAt: status?.endedAt ?? toTimestamp(now),
    ...session,
  };
  return { ...NOTHING, deletePod: world.pod !== undefined, status: statusWith(world, changes), requeueAfterMs: 1_000 };
}

/** Other Jobs of the machine, "new" foremost, or their pods: what they make must not come after the deletion. */
function stillThere(world: MachineWorld, own: readonly string[], now: number): boolean {
  const names = new Set(own);
  if (world.jobs.some((job) => !names.has(job.metadata.name) && endOf(job) === undefined)) return true;
  const kept = new Set(world.jobs.map(({ metadata }) => metadata.uid));
  return world.jobPods.some((pod) => !kept.has(ownerUID(pod)) && isInTheWay(pod, now));
}

function ownerUID(pod: Pod): string | undefined {
  return pod.metadata.ownerReferences?.find(({ kind }) => kind === 'Job')?.uid;
}

/** One whose node is gone may never go, and what runs there may: "list" finds what it makes. */
function isInTheWay({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false;
  return metadata.deletionTimestamp === undefined || fromTimestamp(metadata.deletionTimestamp) + GONE_DEADLINE_MS > now;
}

/** A machine of an inventory that was never looked up: nothing of ours has touched it. */
function nothingToDelete({ builder }: MachineWorld): boolean {
  return builder.spec.machine?.host !== undefined && builder.status?.address === undefined;
}

function remove(world: MachineWorld, attempt: number, own: string[], now: number): MachinePlan {
  const suffix = `delete-${attempt}`;
  const waiting = { ...NOTHING, keep: own };
  const step = stepOf(world, suffix, now);
  switch (step.state) {
    case 'absent': {
      const left = pauseLeft(world, attempt, now);
      if (left > 0) return { ...waiting, requeueAfterMs: left };
      const run =
        world.builder.spec.machine?.host === undefined ? { hook: 'delete' as const } : { ssh: 'clean' as const };
      const made = jobFor(world, run, suffix, world.pool?.spec.deleteTimeoutSeconds ?? 600);
      if ('missing' in made) return blocked(world, made.missing, now);
      return { ...waiting, createJobs: [made.job], requeueAfterMs: LOOK_AGAIN_MS };
    }
    case 'running':
      return { ...waiting, requeueAfterMs: step.wakeAfterMs };
    case 'unread':
      return { ...waiting, read: step.job };
    case 'succeeded':
      return { ...NOTHING, dropFinalizer: true };
    case 'failed':
      return { ...failed(world, attempt + 1, step.message, now), keep: own };
  }
}

/** Counted from the end of the attempt before, as its Job tells it; once that is gone the pause is over too. */
function pauseLeft({ jobs, builder }: MachineWorld, attempt: number, now: number): number {
  if (attempt === 0) return 0;
  const name = jobName(builder.metadata.name, `delete-${attempt - 1}`);
  const before: Job | undefined = jobs.find(({ metadata }) => metadata.name === name);
  const end = before === undefined ? undefined : endOf(before);
  return end === undefined ? 0 : end + pauseAfter(attempt) - now;
}

function failed(world: MachineWorld, attempts: number, why: string, now: number): MachinePlan {
  const { host } = world.builder.spec.machine ?? {};
  const inventory = world.pool?.spec.hosts?.machines ?? [];
  if (host !== undefined && attempts >= ATTEMPTS_OUTSIDE_INVENTORY && inventory.every(({ name }) => name !== host)) {
    return { ...NOTHING, dropFinalizer: true };
  }
  const what = host === undefined ? 'the hook "delete"' : '"clean" over SSH';
  const message = `attempt ${attempts} to delete it failed: ${what} ${why}; it is tried again`;
  const status = { ...told(world, 'DeleteFailed', message, now), deleteAttempts: attempts };
  return { ...NOTHING, status, notes: [warning('DeleteFailed', message)], requeueAfterMs: pauseAfter(attempts) };
}

/** Nobody can delete it as long as its pool cannot say how. */
export function blocked(world: MachineWorld, missing: string, now: number): MachinePlan {
  const message = `${missing}; the machine cannot be deleted until it is put back`;
  const before = world.builder.status?.reason;
  const notes = before === 'DeleteBlocked' ? [] : [warning('DeleteBlocked', message)];
  return { ...NOTHING, status: told(world, 'DeleteBlocked', message, now), notes, requeueAfterMs: LONGEST_PAUSE_MS };
}

function told(world: MachineWorld, reason: string, message: string, now: number): MachineStatus {
  const { metadata, status } = world.builder;
  const changed = statusWith(world, { reason, message });
  const next = { type: DELETED, status: 'False' as const, reason, message: changed.message ?? message };
  const conditions = setCondition(
    status?.conditions as Condition[] | undefined,
    next,
    metadata.generation,
    toTimestamp(now),
  );
  return { ...changed, conditions };
}
