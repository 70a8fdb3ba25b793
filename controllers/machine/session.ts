/** A machine that is claimed for a ticket: its driver pod's life becomes the session that the stage follows. */
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import { DRIVER_HOST_KEY, DRIVER_MACHINE_LOST } from '../../lib/protocol/machine.ts';
import type { Pod } from '../../operator/core.ts';
import { ABANDONED, FORGET_AGAIN_MS, FORGET_DEADLINE_MS, isAbandoned } from '../builder/plan.ts';
import type { PodState } from '../builder/podstate.ts';
import { podState } from '../builder/podstate.ts';
import { machineTargetOf } from '../hook/probe.ts';
import { normal, oneSentence, warning } from '../shared/notes.ts';
import type { MachinePlan } from './status.ts';
import { at, LOOK_AGAIN_MS, lost, NOTHING, sessionFor, statusWith } from './status.ts';
import { secondsLeft } from './steps.ts';
import type { MachineWorld, Session } from './world.ts';

type Stage = NonNullable<MachineWorld['stage']>;

/** A pod whose node is gone may never go: after so long the machine is given up instead of waiting for it. */
export const GONE_DEADLINE_MS = 600_000;

/** Reasons of a lost session that are the machine's: it is given up with it. */
const MACHINE_REASONS = new Set(['MachineLost', 'HostKeyRefused']);

/** Pure: what a machine with a claim needs next. */
export function planClaimed(world: MachineWorld, now: number): MachinePlan {
  const { ticket, stage } = world;
  // First: a closed ticket must not lead a machine to be cleaned that is not the one it was.
  const given = givenUp(world);
  if (given !== undefined) return lost(world, given.reason, given.message, now);
  if (ticket === undefined || ticket.spec.closed) return finish(world, now);
  if (stage === undefined) return { ...NOTHING, ...running(world, 'Lent', 'is lent to a client of Resalloc', now) };
  const session = sessionFor(world);
  if (session?.phase === 'Ended' || session?.phase === 'Lost') return NOTHING;
  return drive(world, stage, session, now);
}

/** What the driver has said of the machine, should that be its end. */
function givenUp(world: MachineWorld): { reason: string; message: string } | undefined {
  const { reason = '', message = 'its driver gave it up' } = sessionFor(world) ?? {};
  return MACHINE_REASONS.has(reason) ? { reason, message } : undefined;
}

function drive(world: MachineWorld, stage: Stage, session: Session | undefined, now: number): MachinePlan {
  const { pod, pool, ticket } = world;
  const timeout = pool?.spec.startTimeoutSeconds ?? 600;
  if (pod === undefined) {
    if (session !== undefined) return ended(world, { phase: 'Lost', ...VANISHED }, now);
    const left = secondsLeft(ticket?.status?.assignedAt, timeout, now);
    const problem = obstacle(stage);
    if (problem !== undefined) return ended(world, { phase: 'Lost', reason: 'PodRefused', message: problem }, now);
    if (machineTargetOf(world.builder, pool) === undefined) {
      return lost(world, 'MachineLost', 'its pool does not say any more how to reach it over SSH', now);
    }
    if (left <= 0) {
      const message = 'its pod could not be created in time; the log of the operator says why';
      return ended(world, { phase: 'Lost', reason: 'StartTimeout', message }, now);
    }
    // One that is gone takes its ticket along, which shows soon.
    if (stage.chrootBuild === undefined) return { ...NOTHING, requeueAfterMs: UNSEEN_MS };
    const begun: PodState = { phase: 'Starting', reason: 'BuilderStarting', message: 'its builder is starting' };
    return { ...followed(world, begun, now), createDriver: true };
  }
  if (pod.metadata.deletionTimestamp !== undefined) return ended(world, { phase: 'Lost', ...VANISHED }, now);
  const state = driverState(pod);
  if (state.phase === 'Ended' || state.phase === 'Lost') return ended(world, state, now);
  const left = secondsLeft(pod.metadata.creationTimestamp, timeout, now);
  if (state.phase === 'Starting' && left <= 0) {
    const message = `did not start within ${timeout} s: ${state.message}`;
    return { ...ended(world, { ...state, phase: 'Lost', reason: 'StartTimeout', message }, now), deletePod: true };
  }
  const plan = followed(world, state, now);
  return state.phase === 'Starting' ? { ...plan, requeueAfterMs: left * 1000 } : plan;
}

/** A stage may be known later than the claim for it. */
const UNSEEN_MS = 5_000;

const VANISHED = { reason: 'PodVanished', message: 'its pod was deleted or its node is gone' };

function obstacle({ chrootBuild, chroot }: Stage): string | undefined {
  if (chrootBuild === undefined) return undefined;
  if (chrootBuild.spec.stage !== 'binary') return 'sources are made in pods, not on machines';
  return chroot === undefined ? `Chroot ${chrootBuild.spec.chroot} is no longer there` : undefined;
}

/** A pod that the API server will not have: trying again with the same pod would be in vain. */
export function refusedDriver(world: MachineWorld, message: string, now: number): MachinePlan {
  return ended(world, { phase: 'Lost', reason: 'PodRefused', message }, now);
}

/** The driver says with its exit code what became of the machine. */
export function driverState(pod: Pod): PodState {
  const state = podState(pod);
  const terminated = pod.status?.containerStatuses?.find(({ name }) => name === 'build')?.state?.terminated;
  if (state.phase !== 'Lost' || terminated === undefined) return state;
  const said = terminated.message === undefined ? '' : `: ${oneSentence(terminated.message, 500)}`;
  switch (terminated.exitCode) {
    case DRIVER_MACHINE_LOST:
      return { ...state, reason: 'MachineLost', message: `the machine is gone or cannot be reached${said}` };
    case DRIVER_HOST_KEY:
      return {
        ...state,
        reason: 'HostKeyRefused',
        message: `the machine shows another host key than it should${said}`,
      };
    default:
      return state;
  }
}

function followed(world: MachineWorld, state: PodState, now: number): MachinePlan {
  const session = sessionWith(world, state, now);
  const plan = running(world, 'Claimed', `serves ticket ${world.claim?.ticket.name ?? ''}`, now);
  return { ...NOTHING, notes: notes(world, state), ...(plan.status ? { status: { ...plan.status, session } } : {}) };
}

/** The stage is over, as far as the machine goes; it is released when the ticket is closed. */
function ended(world: MachineWorld, state: PodState, now: number): MachinePlan {
  const plan = followed(world, state, now);
  if (!MACHINE_REASONS.has(state.reason) || plan.status === undefined) return plan;
  const { session } = plan.status;
  const over = lost(world, state.reason, state.message, now);
  return { ...over, ...(over.status && session ? { status: { ...over.status, session } } : {}) };
}

function running(
  world: MachineWorld,
  reason: string,
  message: string,
  now: number,
): Pick<MachinePlan, 'status' | 'notes'> {
  const assignedAt = world.builder.status?.assignedAt ?? toTimestamp(now);
  return at(world, 'Running', reason, message, { assignedAt });
}

function sessionWith(world: MachineWorld, state: PodState, now: number): Session {
  const { pod } = world;
  const previous = sessionFor(world);
  const over = state.phase === 'Ended' || state.phase === 'Lost';
  const node = pod?.spec.nodeName ?? previous?.node;
  const startedAt = state.startedAt ?? previous?.startedAt;
  const name = pod?.metadata.name ?? previous?.pod;
  return {
    ticket: world.claim?.ticket.uid ?? '',
    phase: state.phase,
    reason: state.reason,
    message: oneSentence(state.message),
    ...(name === undefined ? {} : { pod: name }),
    ...(node === undefined ? {} : { node }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(over ? { endedAt: previous?.endedAt ?? toTimestamp(now) } : {}),
  };
}

function notes(world: MachineWorld, state: PodState): MachinePlan['notes'] {
  const before = sessionFor(world);
  if (before?.phase === state.phase && before.reason === state.reason) return [];
  return [(state.phase === 'Lost' ? warning : normal)(state.reason, state.message)];
}

/** Nobody needs the session any more: its pod goes, then the machine is cleaned. */
function finish(world: MachineWorld, now: number): MachinePlan {
  const { stage, pod, facts, builder } = world;
  const session = sessionFor(world);
  if (builder.status?.phase === 'Running' && stage !== undefined && isAbandoned(session, stage.chrootBuild)) {
    if (facts.forgotten === undefined) return { ...NOTHING, forget: true, deletePod: pod !== undefined };
    const since = session?.reason === ABANDONED && session.endedAt !== undefined ? fromTimestamp(session.endedAt) : now;
    if (!facts.forgotten && now < since + FORGET_DEADLINE_MS) return unforgotten(world, since, now);
  }
  if (pod !== undefined) {
    const state = driverState(pod);
    return MACHINE_REASONS.has(state.reason) ? ended(world, state, now) : untilGone(world, pod, now);
  }
  const uses = (builder.status?.uses ?? 0) + 1;
  const over =
    session === undefined || session.endedAt !== undefined
      ? session
      : { ...session, phase: 'Ended' as const, reason: 'Released', endedAt: toTimestamp(now) };
  const status = {
    uses,
    releasedAt: toTimestamp(now),
    assignedAt: builder.status?.assignedAt ?? toTimestamp(now),
    ...(over === undefined ? {} : { session: over }),
  };
  return {
    ...NOTHING,
    deleteSecrets: stage !== undefined,
    ...at(world, 'Releasing', 'Releasing', 'is cleaned for its next use', status),
    requeueAfterMs: 1_000,
  };
}

function untilGone(world: MachineWorld, pod: Pod, now: number): MachinePlan {
  const { deletionTimestamp } = pod.metadata;
  if (deletionTimestamp === undefined) return { ...NOTHING, deletePod: true, requeueAfterMs: LOOK_AGAIN_MS };
  const left = fromTimestamp(deletionTimestamp) + GONE_DEADLINE_MS - now;
  if (left <= 0) return lost(world, 'ReleaseFailed', `pod ${pod.metadata.name}, which drove it, does not go`, now);
  return { ...NOTHING, requeueAfterMs: Math.min(left, LOOK_AGAIN_MS) };
}

/** Its stage was deleted, and the publisher does not answer: the session stays until the token is refused. */
function unforgotten(world: MachineWorld, since: number, now: number): MachinePlan {
  const message = 'its build was deleted; waits for the publisher to refuse its token';
  const session = {
    ...sessionWith(world, { phase: 'Ended', reason: ABANDONED, message }, now),
    endedAt: toTimestamp(since),
  };
  return {
    ...NOTHING,
    deletePod: world.pod !== undefined,
    status: statusWith(world, { session }),
    requeueAfterMs: FORGET_AGAIN_MS,
  };
}
