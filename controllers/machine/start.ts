/** From nothing to Ready: the machine is made, then it is looked at over SSH. */
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import { probeReport } from '../../lib/protocol/machine.ts';
import { formatAddress } from '../../lib/resalloc/address.ts';
import { parseMachineData, tooLong } from '../../lib/resalloc/machine-data.ts';
import { jobName, MACHINE_FINALIZER } from '../hook/names.ts';
import { outputOf, reportIn } from '../hook/output.ts';
import type { SshCommand } from '../hook/probe.ts';
import { at, lost, type MachinePlan, NOTHING } from './status.ts';
import { hasSsh, jobFor, secondsLeft, stepOf } from './steps.ts';
import type { MachineStatus, MachineWorld } from './world.ts';

/**
 * A Job lives for at least ten minutes after its end. In a Builder that is younger, one that is not there was never
 * made; in an older one nobody can tell, and the hook "new" must not run twice.
 */
const NEVER_MADE_MS = 540_000;

/** Pure: what a machine needs that was never Ready. */
export function planStart(world: MachineWorld, now: number): MachinePlan {
  const { builder, pool } = world;
  if (builder.metadata.finalizers?.includes(MACHINE_FINALIZER) !== true) return { ...NOTHING, addFinalizer: true };
  if (pool === undefined) return lost(world, 'PoolNotFound', `BuilderPool ${builder.spec.pool} is not there`, now);
  if (builder.status?.phase === undefined)
    return pool.spec.hosts === undefined ? make(world, pool, now) : find(world, pool, now);
  switch (builder.status.reason) {
    case MAKING:
      return making(world, pool, now);
    case PROBING:
      return probing(world, pool, now);
    default:
      return overSsh(world, pool, now, { command: 'clean', suffix: 'clean-0', failure: 'CleaningFailed' }, () =>
        ready(world, now),
      );
  }
}

const MAKING = 'Making';
const PROBING = 'Probing';
const CLEANING = 'Cleaning';

function make(world: MachineWorld, pool: BuilderPool, now: number): MachinePlan {
  const { creationTimestamp } = world.builder.metadata;
  const started = { ...NOTHING, keep: keep(world, 'new'), ...at(world, 'Starting', MAKING, 'the hook "new" makes it') };
  if (stepOf(world, 'new', now).state !== 'absent') return started;
  const age = now - (creationTimestamp === undefined ? now : fromTimestamp(creationTimestamp));
  if (age > NEVER_MADE_MS)
    return lost(world, 'StartTimeout', 'nobody knows whether the hook "new" has run for it', now);
  const left = Math.max(1, secondsLeft(creationTimestamp, pool.spec.startTimeoutSeconds, now));
  const made = jobFor(world, { hook: 'new' }, 'new', left);
  if ('missing' in made) return lost(world, 'PoolNotFound', made.missing, now);
  return { ...started, createJobs: [made.job] };
}

/** A machine of the inventory. */
function find(world: MachineWorld, pool: BuilderPool, now: number): MachinePlan {
  const { host } = world.builder.spec.machine ?? {};
  const entry = pool.spec.hosts?.machines.find(({ name }) => name === host);
  if (entry === undefined)
    return lost(world, 'HostNotFound', `the inventory of its pool has no machine ${host ?? ''}`, now);
  const hostKeys = [...(entry.hostKeys ?? [])];
  const address = formatAddress({ host: entry.address, port: entry.port });
  return toProbe(world, pool, now, { address, user: entry.user ?? pool.spec.ssh?.user ?? 'root', hostKeys });
}

/** The Job was made before the status said so: one that is not there now has been there. */
function making(world: MachineWorld, pool: BuilderPool, now: number): MachinePlan {
  const step = stepOf(world, 'new', now);
  const waiting = { ...NOTHING, keep: keep(world, 'new') };
  switch (step.state) {
    case 'absent':
      return lost(world, 'NewFailed', 'the Job of the hook "new" is gone, and with it what it printed', now);
    case 'running':
      return {
        ...waiting,
        ...at(world, 'Starting', MAKING, `the hook "new" makes it (${step.message})`),
        requeueAfterMs: step.wakeAfterMs,
      };
    case 'unread':
      return { ...waiting, read: step.job };
    case 'failed':
      return { ...lost(world, 'NewFailed', `the hook "new" ${step.message}`, now), keep: waiting.keep };
    case 'succeeded':
      return { ...made(world, pool, now, step.log), keep: waiting.keep };
  }
}

function made(world: MachineWorld, pool: BuilderPool, now: number, log: string | undefined): MachinePlan {
  const output = log === undefined ? undefined : outputOf(log);
  if (output === undefined) return lost(world, 'NewFailed', 'what the hook "new" printed can no longer be read', now);
  const problem = tooLong(output);
  if (problem !== undefined) return lost(world, 'BadOutput', problem, now);
  const data = Buffer.from(output).toString('base64');
  if (!hasSsh(pool)) return ready(world, now, { data });
  const parsed = parseMachineData(output);
  if ('problem' in parsed)
    return { ...lost(world, 'BadOutput', parsed.problem, now), ...withData(world, now, parsed.problem, data) };
  const { host, port, user, hostKeys } = parsed.data;
  return toProbe(world, pool, now, {
    data,
    address: formatAddress({ host, port }),
    user: user ?? pool.spec.ssh?.user ?? 'root',
    hostKeys,
  });
}

/** The hook "delete" is told what "new" has printed, of whatever use it is to kopr. */
function withData(
  world: MachineWorld,
  now: number,
  problem: string,
  data: string,
): Pick<MachinePlan, 'status' | 'notes'> {
  return at(world, 'Lost', 'BadOutput', problem, { endedAt: toTimestamp(now), data });
}

function toProbe(world: MachineWorld, pool: BuilderPool, now: number, known: Partial<MachineStatus>): MachinePlan {
  if (pool.spec.ssh?.hostKeys === 'Output' && known.hostKeys?.length === 0) {
    const where =
      pool.spec.hosts === undefined
        ? 'have the hook "new" print host_key'
        : 'give the machine hostKeys in the inventory';
    const problem = `no host key of it is known; ${where}, or set ssh.hostKeys of the pool to KnownHosts or FirstUse`;
    const status = { endedAt: toTimestamp(now), ...(known.data === undefined ? {} : { data: known.data }) };
    return { ...NOTHING, ...at(world, 'Lost', 'NoHostKey', problem, status), requeueAfterMs: 1_000 };
  }
  return {
    ...NOTHING,
    ...at(world, 'Starting', PROBING, `is to answer over SSH at ${known.address ?? ''}`, known),
    requeueAfterMs: 1_000,
  };
}

function probing(world: MachineWorld, pool: BuilderPool, now: number): MachinePlan {
  return overSsh(world, pool, now, { command: 'probe', suffix: 'probe', failure: 'Unreachable' }, (log) => {
    const report = reportIn(log ?? '', probeReport);
    if (report === undefined) return lost(world, 'Unreachable', 'what the probe reported cannot be read', now);
    const seen = pool.spec.ssh?.hostKeys === 'FirstUse' ? { hostKeys: report.hostKeys } : {};
    if (pool.spec.hosts === undefined) return ready(world, now, seen);
    // Whatever was left on it by somebody whom kopr no longer knows of.
    const cleaning = at(world, 'Starting', CLEANING, 'is cleaned before its first use', seen);
    return { ...NOTHING, ...cleaning, requeueAfterMs: 1_000 };
  });
}

function overSsh(
  world: MachineWorld,
  pool: BuilderPool,
  now: number,
  { command, suffix, failure }: { command: SshCommand; suffix: string; failure: string },
  then: (log: string | undefined) => MachinePlan,
): MachinePlan {
  const step = stepOf(world, suffix, now);
  const waiting = { ...NOTHING, keep: keep(world, suffix) };
  const { reason = PROBING, message = '' } = world.builder.status ?? {};
  switch (step.state) {
    case 'absent': {
      const left = secondsLeft(world.builder.metadata.creationTimestamp, pool.spec.startTimeoutSeconds, now);
      if (left <= 0)
        return lost(world, 'StartTimeout', `was not ready within ${pool.spec.startTimeoutSeconds} s: ${message}`, now);
      const probe = jobFor(world, { ssh: command }, suffix, left);
      if ('missing' in probe) return lost(world, 'Unreachable', probe.missing, now);
      return {
        ...waiting,
        createJobs: [probe.job],
        ...at(world, 'Starting', reason, message),
        requeueAfterMs: left * 1000,
      };
    }
    case 'running':
      return { ...waiting, requeueAfterMs: step.wakeAfterMs };
    case 'unread':
      return { ...waiting, read: step.job };
    case 'failed':
      return { ...lost(world, failure, `"${command}" over SSH ${step.message}`, now), keep: waiting.keep };
    case 'succeeded':
      return { ...then(step.log), keep: waiting.keep };
  }
}

function ready(world: MachineWorld, now: number, known: Partial<MachineStatus> = {}): MachinePlan {
  const { creationTimestamp } = world.builder.metadata;
  const startSeconds = Math.max(0, -secondsLeft(creationTimestamp, 0, now));
  const status = { ...known, startedAt: toTimestamp(now), startSeconds };
  return { ...NOTHING, ...at(world, 'Ready', 'Ready', 'waits for a ticket', status), requeueAfterMs: 1_000 };
}

function keep({ builder }: MachineWorld, suffix: string): string[] {
  return [jobName(builder.metadata.name, suffix)];
}
