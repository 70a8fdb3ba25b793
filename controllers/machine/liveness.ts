import { createHash } from 'node:crypto';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { Job } from '../../operator/core.ts';
import { HOOK_CONTAINER, jobName } from '../hook/names.ts';
import type { Note } from '../shared/notes.ts';
import { warning } from '../shared/notes.ts';
import { jobFor, stepOf } from './steps.ts';
import type { MachineStatus, MachineWorld } from './world.ts';

/** What the liveness of a machine adds to whatever else is planned for it. */
export interface Liveness {
  read?: Job;
  keep: string[];
  createJobs: Job[];
  changes: Partial<MachineStatus>;
  /** It is given up: why. */
  lost?: string;
  notes: Note[];
  requeueAfterMs?: number;
}

/** Machines that were made together are not probed together: each period is longer by up to a tenth. */
const JITTER = 0.1;

/**
 * For so long a probe may wait for a place on a node and for its image. A cluster that is full of builds says nothing of
 * the machine: its time limit counts from the start of its container.
 */
const PLACE_SECONDS = 600;

/** Pure: the next liveness probe of a machine that is up. Each machine is due by its own last probe. */
export function planLiveness(world: MachineWorld, now: number): Liveness {
  const nothing: Liveness = { keep: [], createJobs: [], changes: {}, notes: [] };
  const { pool } = world;
  const run = probeOf(pool);
  if (run === undefined || pool === undefined) return nothing;
  const due = dueAt(world, pool);
  if (due > now) return { ...nothing, requeueAfterMs: due - now };
  const suffix = `check-${Math.floor(due / 1000)}`;
  const waiting = { ...nothing, keep: [jobName(world.builder.metadata.name, suffix)] };
  const limit = limitSeconds(pool);
  const step = stepOf(world, suffix, now);
  switch (step.state) {
    case 'absent': {
      const probe = jobFor(world, run, suffix, limit, PLACE_SECONDS);
      // A pool that cannot be asked says nothing of the machine.
      return 'missing' in probe ? nothing : { ...waiting, createJobs: [probe.job] };
    }
    case 'running': {
      const began = beganAt(world, suffix);
      if (began === undefined) return { ...waiting, requeueAfterMs: step.wakeAfterMs };
      const left = began + limit * 1000 - now;
      if (left > 0) return { ...waiting, requeueAfterMs: left };
      return failed(world, pool, waiting, `did not end within ${limit} s`, now);
    }
    case 'unread':
      return { ...waiting, read: step.job };
    case 'succeeded':
      return { ...waiting, changes: { lastCheckAt: toTimestamp(now), failedChecks: 0 } };
    case 'failed': {
      if (step.ran) return failed(world, pool, waiting, step.message, now);
      const message = `a liveness probe could not be run: ${step.message}`;
      return { ...waiting, changes: { lastCheckAt: toTimestamp(now) }, notes: [warning('ProbeNotRun', message)] };
    }
  }
}

function failed(world: MachineWorld, pool: BuilderPool, waiting: Liveness, why: string, now: number): Liveness {
  const { attempts } = pool.spec.liveness;
  const failedChecks = (world.builder.status?.failedChecks ?? 0) + 1;
  const message = `liveness probe ${failedChecks} of ${attempts} ${why}`;
  const plan = { ...waiting, changes: { lastCheckAt: toTimestamp(now), failedChecks } };
  if (failedChecks >= attempts) return { ...plan, lost: message };
  return { ...plan, notes: [warning('ProbeFailed', message)] };
}

function probeOf(pool: BuilderPool | undefined): { hook: 'livecheck' } | { ssh: 'check' } | undefined {
  if (pool?.spec.command?.livecheck !== undefined) return { hook: 'livecheck' };
  return pool?.spec.ssh === undefined ? undefined : { ssh: 'check' };
}

function limitSeconds({ spec: { command, liveness } }: BuilderPool): number {
  return Math.min(liveness.timeoutSeconds, command?.livecheck?.timeoutSeconds ?? liveness.timeoutSeconds);
}

/** When the container of a probe that runs was started; undefined while it was not. */
function beganAt({ builder, jobs, jobPods }: MachineWorld, suffix: string): number | undefined {
  const name = jobName(builder.metadata.name, suffix);
  const job = jobs.find(({ metadata }) => metadata.name === name);
  const pod = jobPods.find(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === job?.metadata.uid));
  const container = pod?.status?.containerStatuses?.find((status) => status.name === HOOK_CONTAINER);
  const startedAt = container?.state?.running?.startedAt;
  return startedAt === undefined ? undefined : fromTimestamp(startedAt);
}

/** Milliseconds since the epoch. */
export function dueAt({ builder: { metadata, status } }: MachineWorld, pool: BuilderPool): number {
  const last = status?.lastCheckAt ?? status?.startedAt;
  if (last === undefined) return 0;
  const share =
    createHash('sha256')
      .update(metadata.uid ?? '')
      .digest()
      .readUInt16BE(0) / 65_536;
  return fromTimestamp(last) + Math.round(pool.spec.liveness.periodSeconds * 1000 * (1 + JITTER * share));
}
