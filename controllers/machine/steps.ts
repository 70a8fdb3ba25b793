import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Job } from '../../operator/core.ts';
import type { Hook } from '../hook/job.ts';
import { hookJob, hookMachineOf } from '../hook/job.ts';
import { jobName } from '../hook/names.ts';
import { jobOutcome, podsOf } from '../hook/outcome.ts';
import { lastWords } from '../hook/output.ts';
import type { SshCommand } from '../hook/probe.ts';
import { machineTargetOf, probeJob } from '../hook/probe.ts';
import type { MachineWorld } from './world.ts';

/** How a Job stands that a machine needs. */
export type Step =
  | { state: 'absent' }
  | { state: 'running'; wakeAfterMs: number; message: string }
  /** It has ended: read its log and plan again. */
  | { state: 'unread'; job: Job }
  /** `log` is undefined when it can no longer be had. */
  | { state: 'succeeded'; log: string | undefined }
  /** `message` names the exit code and what was said last. `ran` is false when its program did not end by itself. */
  | { state: 'failed'; message: string; ran: boolean };

export function stepOf(world: MachineWorld, suffix: string, now: number): Step {
  const name = jobName(world.builder.metadata.name, suffix);
  const job = world.jobs.find(({ metadata }) => metadata.name === name);
  if (job === undefined) return { state: 'absent' };
  const { log } = world.facts;
  const read = log?.jobUID === job.metadata.uid ? log : undefined;
  const outcome = jobOutcome(job, read?.pods ?? podsOf(job, world.jobPods), now);
  if (outcome.state === 'running') {
    return { state: 'running', wakeAfterMs: Math.max(1_000, outcome.deadline - now), message: outcome.message };
  }
  if (read === undefined) return { state: 'unread', job };
  if (outcome.state === 'succeeded') return { state: 'succeeded', log: read.text };
  const ran = outcome.exitCode !== undefined;
  const words = read.text === undefined ? '' : lastWords(read.text);
  return { state: 'failed', message: words === '' ? outcome.message : `${outcome.message}: ${words}`, ran };
}

/** The Job of a hook of the pool, or of a program of ours; a sentence when the pool has no means to run it. */
export function jobFor(
  world: MachineWorld,
  run: { hook: Hook } | { ssh: SshCommand },
  suffix: string,
  timeoutSeconds: number,
  startSeconds = 0,
): { job: Job } | { missing: string } {
  const { builder, pool, installation } = world;
  if (pool === undefined) return { missing: `BuilderPool ${builder.spec.pool} is not there any more` };
  const name = jobName(builder.metadata.name, suffix);
  if ('hook' in run) {
    if (pool.spec.command?.[run.hook] === undefined)
      return { missing: `BuilderPool ${pool.metadata.name} has no hook "${run.hook}"` };
    return {
      job: hookJob({ name, hook: run.hook, pool, machine: hookMachineOf(builder), timeoutSeconds, startSeconds }),
    };
  }
  const target = machineTargetOf(builder, pool);
  if (target === undefined)
    return { missing: `BuilderPool ${pool.metadata.name} does not say how to reach the machine over SSH` };
  return {
    job: probeJob({
      name,
      command: run.ssh,
      pool,
      builder,
      target,
      timeoutSeconds: timeoutSeconds + startSeconds,
      installation,
    }),
  };
}

/** What is left of a time limit, in whole seconds. */
export function secondsLeft(since: string | undefined, seconds: number, now: number): number {
  return Math.floor(((since === undefined ? now : fromTimestamp(since)) - now) / 1000) + seconds;
}

/** When a Job has ended, as far as it says so. */
export function endOf(job: Job): number | undefined {
  const end = job.status?.conditions?.find(
    ({ type, status }) => status === 'True' && (type === 'Failed' || type === 'Complete'),
  );
  return end?.lastTransitionTime === undefined ? undefined : fromTimestamp(end.lastTransitionTime);
}

export function hasSsh(pool: BuilderPool | undefined): boolean {
  return pool?.spec.ssh !== undefined;
}
