/** A machine whose ticket is closed: cleaned and given back to its sandbox, or deleted. */
import { jobName } from '../hook/names.ts';
import { endOfUse } from '../shared/machines.ts';
import type { MachinePlan } from './status.ts';
import { at, lost, NOTHING } from './status.ts';
import { hasSsh, jobFor, secondsLeft, stepOf } from './steps.ts';
import type { MachineWorld } from './world.ts';

/** Pure: what a machine needs to be used again. Without a claim it is clean: the claim goes only then. */
export function planRelease(world: MachineWorld, now: number): MachinePlan {
  const { builder, pool, claim } = world;
  if (claim === undefined) return free(world);
  if (pool === undefined)
    return lost(world, 'ReleaseFailed', `BuilderPool ${builder.spec.pool} is not there to clean it`, now);
  if (endOfUse(builder, pool, now) !== undefined) return { ...NOTHING, deleteBuilder: true };
  const run = pool.spec.command?.release !== undefined ? { hook: 'release' as const } : { ssh: 'clean' as const };
  // As in Resalloc, a pool without "release" does without: the next use is in the same sandbox.
  if ('ssh' in run && !hasSsh(pool)) return { ...free(world), freeClaim: true };
  const suffix = `${'hook' in run ? 'release' : 'clean'}-${builder.status?.uses ?? 0}`;
  const waiting = { ...NOTHING, keep: [jobName(builder.metadata.name, suffix)] };
  const step = stepOf(world, suffix, now);
  switch (step.state) {
    case 'absent': {
      const left = secondsLeft(builder.status?.releasedAt, pool.spec.releaseTimeoutSeconds, now);
      if (left <= 0)
        return lost(world, 'ReleaseFailed', `was not clean within ${pool.spec.releaseTimeoutSeconds} s`, now);
      const made = jobFor(world, run, suffix, left);
      if ('missing' in made) return lost(world, 'ReleaseFailed', made.missing, now);
      return { ...waiting, createJobs: [made.job], requeueAfterMs: left * 1000 };
    }
    case 'running':
      return { ...waiting, requeueAfterMs: step.wakeAfterMs };
    case 'unread':
      return { ...waiting, read: step.job };
    case 'failed': {
      const what = 'hook' in run ? 'the hook "release"' : '"clean" over SSH';
      return { ...lost(world, 'ReleaseFailed', `${what} ${step.message}`, now), keep: waiting.keep };
    }
    case 'succeeded':
      return { ...free(world), keep: waiting.keep, freeClaim: true };
  }
}

function free(world: MachineWorld): MachinePlan {
  return { ...NOTHING, ...at(world, 'Ready', 'Released', 'is clean and waits for its sandbox'), requeueAfterMs: 1_000 };
}
