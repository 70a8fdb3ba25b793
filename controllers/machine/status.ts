import { toTimestamp } from '../../lib/clock.ts';
import type { Job } from '../../operator/core.ts';
import type { Note } from '../shared/notes.ts';
import { normal, oneSentence, warning } from '../shared/notes.ts';
import type { MachineStatus, MachineWorld, Session } from './world.ts';

export interface MachinePlan {
  /** Read the log of this Job and plan again; everything else in the plan is done even so. */
  read?: Job;
  /** Have the publisher refuse the token of the attempt, then plan again. */
  forget?: boolean;
  /** Jobs whose result still matters. Every other one is deleted. */
  keep: string[];
  createJobs: Job[];
  /** Before anything exists that must be cleaned up. */
  addFinalizer?: boolean;
  createDriver?: boolean;
  deletePod?: boolean;
  deleteSecrets?: boolean;
  status?: MachineStatus;
  /** Takes the ticket off the machine. Its sandbox stays. */
  freeClaim?: boolean;
  deleteBuilder?: boolean;
  dropFinalizer?: boolean;
  notes: Note[];
  requeueAfterMs?: number;
}

export const NOTHING: MachinePlan = { keep: [], createJobs: [], notes: [] };

/** Nothing tells of a clock that has moved on, or of an event that was lost: looked at again after this. */
export const LOOK_AGAIN_MS = 30_000;

/** The one place where the status of a machine is made. Fields that are once known stay. */
export function statusWith({ builder }: MachineWorld, changes: Partial<MachineStatus>): MachineStatus {
  const { message } = changes;
  return {
    ...builder.status,
    ...changes,
    observedGeneration: builder.metadata.generation ?? 0,
    ...(message === undefined ? {} : { message: oneSentence(message) }),
  };
}

/** A status that says something new, with the words for the log and for people. */
export function at(
  world: MachineWorld,
  phase: NonNullable<MachineStatus['phase']>,
  reason: string,
  message: string,
  more: Partial<MachineStatus> = {},
): Pick<MachinePlan, 'status' | 'notes'> {
  const status = statusWith(world, { phase, reason, message, ...more });
  const before = world.builder.status;
  const news = before?.phase !== phase || before.reason !== reason;
  const say = phase === 'Lost' ? warning : normal;
  return { status, notes: news ? [say(reason, status.message ?? message)] : [] };
}

/** The machine must not be used again. What it works on is lost with it; it is deleted next. */
export function lost(world: MachineWorld, reason: string, message: string, now: number): MachinePlan {
  const endedAt = toTimestamp(now);
  const session = lostSession(world, { reason: 'MachineLost', message: `its machine was lost: ${message}` }, now);
  return { ...NOTHING, ...at(world, 'Lost', reason, message, { endedAt, ...session }), requeueAfterMs: 1_000 };
}

/** The session of the ticket that the machine is claimed for, unless it has ended before. */
export function lostSession(
  world: MachineWorld,
  why: { reason: string; message: string },
  now: number,
): { session?: Session } {
  const { stage, builder } = world;
  if (stage === undefined) return {};
  const current = sessionFor(world);
  if (current?.phase === 'Ended' || current?.phase === 'Lost') return {};
  const ticket = stage.claim.ticket.uid;
  const known = builder.status?.session?.ticket === ticket ? builder.status.session : undefined;
  const message = oneSentence(why.message);
  return { session: { ...known, ticket, phase: 'Lost', reason: why.reason, message, endedAt: toTimestamp(now) } };
}

/** What the machine has recorded of the ticket that it is claimed for. */
export function sessionFor({ claim, builder }: MachineWorld): Session | undefined {
  const session = builder.status?.session;
  return claim !== undefined && session?.ticket === claim.ticket.uid ? session : undefined;
}
