import { createHash } from 'node:crypto';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { Job } from '../../operator/core.ts';
import { jobName } from '../hook/names.ts';
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

/** Pure: the next liveness probe of a machine that is up. Each machine is due by its own last probe. */
export function planLiveness(world: MachineWorld, now: number): Liveness {
  const nothing: Liveness = { keep: [], createJobs: [], changes: {}, notes: [] };
  const run = probeOf(world.pool);
  if (run === undefined || world.pool === undefined) return nothing;
  const { attempts, timeoutSeconds } = world.pool.spec.liveness;
  const due = dueAt(world, world.pool);
  if (due > now) return { ...nothing, requeueAfterMs: due - now };
  const suffix = `check-${Math.floor(due / 1000)}`;
  const waiting = { ...nothing, keep: [jobName(world.builder.metadata.name, suffix)] };
  const step = stepOf(world, suffix, now);
  switch (step.state) {
    case 'absent': {
      const probe = jobFor(world, run, suffix, timeoutSeconds);
      // A pool that cannot be asked says nothing of the machine.
      if ('missing' in probe) return nothing;
      return { ...waiting, createJobs: [probe.job] };
    }
    case 'running':
      return { ...waiting, requeueAfterMs: step.wakeAfterMs };
    case 'unread':
      return { ...waiting, read: step.job };
    case 'succeeded':
      return { ...waiting, changes: { lastCheckAt: toTimestamp(now), failedChecks: 0 } };
    case 'failed': {
      // An evicted pod, a full cluster: trouble of ours says nothing of the machine.
      if (!step.ran) {
        const message = `a liveness probe could not be run: ${step.message}`;
        return { ...waiting, changes: { lastCheckAt: toTimestamp(now) }, notes: [warning('ProbeNotRun', message)] };
      }
      const failedChecks = (world.builder.status?.failedChecks ?? 0) + 1;
      const message = `liveness probe ${failedChecks} of ${attempts} ${step.message}`;
      const failed = { ...waiting, changes: { lastCheckAt: toTimestamp(now), failedChecks } };
      if (failedChecks >= attempts) return { ...failed, lost: message };
      return { ...failed, notes: [warning('ProbeFailed', message)] };
    }
  }
}

function probeOf(pool: BuilderPool | undefined): { hook: 'livecheck' } | { ssh: 'check' } | undefined {
  if (pool?.spec.command?.livecheck !== undefined) return { hook: 'livecheck' };
  return pool?.spec.ssh === undefined ? undefined : { ssh: 'check' };
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
