import { isMachine } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { ChrootBuildStatus } from '../../crds/chrootbuild.ts';
import { isComplete, reobserved } from '../../crds/states.ts';
import { fromTimestamp, toTimestamp } from '../../lib/clock.ts';
import type { Refusal } from '../shared/ask.ts';
import type { Note } from '../shared/notes.ts';
import { normal, warning } from '../shared/notes.ts';
import type { Phase } from './status.ts';
import { chrootBuildStatus, isTerminal, NO_POOL, withoutPoolSince } from './status.ts';
import { ticketFor } from './ticket.ts';
import type { ChrootBuildWorld, Question } from './world.ts';
import { newestTicket, sessionIn } from './world.ts';

/** Builders a stage may use up when they are lost through no fault of the build. */
export const MAX_ATTEMPTS = 3;
/** An assigned ticket whose Builder does not show up by then has lost it. The scheduler makes the Builder first. */
const BUILDER_GRACE_MS = 30_000;
/** For so long the publisher and distgit may be unable to take over what a builder has made. */
const SERVICES_DEADLINE_MS = 6 * 3_600_000;
/** For so long a stage waits for a BuilderPool that could serve it: administrators may still be setting one up. */
const NO_POOL_DEADLINE_MS = 3_600_000;
const LOOK_AGAIN_MS = 60_000;
/** How often a service that is still working is asked again. It holds each request open for 2 s itself. */
const POLL_MS = 500;
/** The longest pause before a service that did not answer is asked again. */
const LONGEST_PAUSE_MS = 30_000;
/** Reasons of a lost builder that another builder would not cure. */
const NOT_WORTH_A_RETRY = new Set(['OutOfMemory', 'TimedOut', 'DiskFull', 'PodRefused', 'DirectoryInUse']);

export interface ChrootBuildPlan {
  /** Answer this first and plan again; everything else in the plan is to be done even so. */
  ask?: Question;
  takeTicket?: BuilderTicket;
  closeTickets: BuilderTicket[];
  /** The publisher is to forget what these attempts have sent, and to refuse their tokens from now on. */
  forget?: number[];
  status?: ChrootBuildStatus;
  notes: Note[];
  requeueAfterMs?: number;
}

/** Pure: what one stage of a build needs next. `now` in milliseconds since the epoch. */
export function planChrootBuild(world: ChrootBuildWorld, now: number): ChrootBuildPlan {
  const { chrootBuild } = world;
  if (chrootBuild.metadata.deletionTimestamp !== undefined) return { closeTickets: open(world), notes: [] };
  // A status write may have been the last thing before a crash: tickets of an ended stage are closed even so.
  if (isComplete(chrootBuild)) {
    const status = reobserved(chrootBuild);
    return { closeTickets: open(world), notes: [], ...(status === undefined ? {} : { status }) };
  }
  if (chrootBuild.spec.cancelled && !isHandedOver(world)) {
    return { ...end(world, now, 'Cancelled', 'Cancelled', 'cancelled on request'), forget: attempts(world) };
  }

  const ticket = newestTicket(world);
  if (ticket === undefined) return start(world, now, 1, 'Queued', 'waits for a builder');
  const plan = current(world, ticket, now);
  // A crash may have come between taking this ticket and closing the one before it.
  const older = world.tickets.filter((other) => other.spec.attempt < ticket.spec.attempt && !other.spec.closed);
  return { ...plan, closeTickets: [...new Set([...plan.closeTickets, ...older])] };
}

/**
 * The publisher was asked to publish, and does so whatever is asked for next. Ending the stage as cancelled would leave
 * packages in the repository of which nobody knows; the answer comes without a builder, and soon.
 */
function isHandedOver({ chrootBuild }: ChrootBuildWorld): boolean {
  const phase = chrootBuild.status?.phase;
  return phase === 'Publishing' || phase === 'Importing';
}

function current(world: ChrootBuildWorld, ticket: BuilderTicket, now: number): ChrootBuildPlan {
  const session = sessionIn(world);
  switch (session?.phase) {
    case 'Ended':
    case 'Lost':
      return afterBuilder(world, ticket, now);
    case 'Running':
      return at(world, now, 'Running', 'Building', whereItBuilds(world, session.node));
    case 'Starting':
      return starting(world, now, session);
  }
  // Publishing and importing outlive the builder, whose object is deleted once the ticket is closed.
  if (ticket.spec.closed) return afterBuilder(world, ticket, now);
  if (ticket.status?.phase !== 'Assigned') return waiting(world, ticket, now);
  const missingFor = now - fromTimestamp(ticket.status.assignedAt ?? toTimestamp(now));
  if (world.builder === undefined && missingFor > BUILDER_GRACE_MS) return afterBuilder(world, ticket, now);
  return { ...starting(world, now), requeueAfterMs: Math.max(1_000, BUILDER_GRACE_MS - missingFor + 1_000) };
}

/** Told the same from the ticket's word to the builder's first own: each would be a write for every stage. */
function starting(
  world: ChrootBuildWorld,
  now: number,
  session?: { reason?: string | undefined; message?: string | undefined },
): ChrootBuildPlan {
  const { reason = 'BuilderStarting', message = 'its builder is starting' } = session ?? {};
  return at(world, now, 'Starting', reason, message);
}

/** The node of a machine's driver says nothing of the machine. */
function whereItBuilds({ builder }: ChrootBuildWorld, node: string | undefined): string {
  if (builder !== undefined && isMachine(builder)) return `builds on machine ${builder.metadata.name}`;
  return `builds on ${node ?? 'a builder'}`;
}

function waiting(world: ChrootBuildWorld, ticket: BuilderTicket, now: number): ChrootBuildPlan {
  const { reason = 'Queued', message = 'waits for a builder' } = ticket.status ?? {};
  const plan = at(world, now, 'Waiting', reason, message);
  // What the ticket was told may be old by now: the pools themselves decide.
  if (reason !== NO_POOL) return plan;
  // Nothing tells the stage of a pool that goes again before its ticket was told of it.
  if (world.servable) return { ...plan, requeueAfterMs: LOOK_AGAIN_MS };
  const left = fromTimestamp(withoutPoolSince(world.chrootBuild) ?? toTimestamp(now)) + NO_POOL_DEADLINE_MS - now;
  if (left > 0) return { ...plan, requeueAfterMs: left };
  const remedy = 'have a BuilderPool offer it, then submit the build again';
  return end(world, now, 'Failed', NO_POOL, `waited an hour for a pool: ${message}; ${remedy}`);
}

/** The builder is gone, one way or the other. What it sent to the publisher decides. */
function afterBuilder(world: ChrootBuildWorld, ticket: BuilderTicket, now: number): ChrootBuildPlan {
  const { task } = world.facts;
  const builtAt = sessionIn(world)?.endedAt ?? world.chrootBuild.status?.builtAt;
  if (builtAt !== undefined && now - fromTimestamp(builtAt) > SERVICES_DEADLINE_MS) {
    const last = world.chrootBuild.status?.message ?? 'no reason is known';
    return end(world, now, 'Failed', 'ServicesTimedOut', `its results were not taken over within 6 hours: ${last}`);
  }
  if (task === undefined) return { ...SILENT, ask: 'task' };
  if ('refused' in task) return refused(world, now, task);
  if (task.state === 'complete') return publishing(world, now);
  return lost(world, ticket, now);
}

function lost(world: ChrootBuildWorld, ticket: BuilderTicket, now: number): ChrootBuildPlan {
  const { phase, reason = 'BuilderLost', message: told = 'its builder vanished' } = sessionIn(world) ?? {};
  const why = phase === 'Ended' ? 'it ended, but its results never arrived' : told;
  const { attempt } = ticket.spec;
  const forget = [attempt];
  if (NOT_WORTH_A_RETRY.has(reason)) return { ...end(world, now, 'Failed', reason, why), forget };
  if (attempt >= MAX_ATTEMPTS) {
    const all = `lost ${attempt} builders, the last one because: ${why}`;
    return { ...end(world, now, 'Failed', 'BuilderLost', all), forget };
  }
  const message = `attempt ${attempt} lost its builder (${why}); the next one waits for a builder`;
  const plan = start(world, now, attempt + 1, 'Retrying', message);
  return { ...plan, forget, notes: [warning('BuilderLost', `attempt ${attempt} of ${MAX_ATTEMPTS}: ${why}`)] };
}

function publishing(world: ChrootBuildWorld, now: number): ChrootBuildPlan {
  const { publication } = world.facts;
  // A stage that imports asks again on its way there: it must not be shown as publishing anew with every look.
  const beyond = world.chrootBuild.status?.phase === 'Importing';
  const wait = beyond ? SILENT : at(world, now, 'Publishing', 'Publishing', 'its results are being published');
  // The builder has done its work: its place is free while the publisher does the rest.
  if (publication === undefined) return { ...wait, ask: 'publication', closeTickets: open(world) };
  if (publication === 'pending') return { ...wait, closeTickets: open(world), requeueAfterMs: POLL_MS };
  if ('refused' in publication) return refused(world, now, publication);
  const { verdict, packages, generation } = publication;
  if (verdict.outcome === 'failed') return end(world, now, 'Failed', verdict.reason, verdict.message);
  if (world.chrootBuild.spec.stage === 'source') return importing(world, now);
  const where =
    generation === undefined
      ? 'are there for other builds; the public repository has them when it is regenerated'
      : `are in the repository since its generation ${generation}`;
  return end(world, now, 'Succeeded', 'Published', `${packages.length} packages ${where}`);
}

function importing(world: ChrootBuildWorld, now: number): ChrootBuildPlan {
  const { imported } = world.facts;
  const wait = at(world, now, 'Importing', 'Importing', 'its sources are being imported into distgit');
  if (imported === undefined) return { ...wait, ask: 'imported', closeTickets: open(world) };
  if (imported === 'pending') return { ...wait, closeTickets: open(world), requeueAfterMs: POLL_MS };
  if ('refused' in imported) return refused(world, now, imported);
  const { name, version, release } = imported.package;
  return end(world, now, 'Succeeded', 'Imported', `${name}-${version}-${release} is in distgit`);
}

function refused(world: ChrootBuildWorld, now: number, { refused: { code, message } }: Refusal): ChrootBuildPlan {
  return end(world, now, 'Failed', code, message);
}

/**
 * A question got no answer. It is asked again; meanwhile the stage says what it waits for. The pause is a quarter of the
 * time that it has waited, and half a minute at most: an outage is over for the builds soon after it is over.
 */
export function unanswered(world: ChrootBuildWorld, question: Question, problem: string, now: number): ChrootBuildPlan {
  const service = question === 'imported' ? 'distgit' : 'the publisher';
  const message = `waits for ${service}, which does not answer as it should: ${problem}`;
  const standing = { phase: phaseOf(world, question), reason: 'ServiceUnavailable', message, builderIsOver: true };
  const status = chrootBuildStatus(world, standing, now);
  const waited = now - fromTimestamp(status.builtAt ?? toTimestamp(now));
  const requeueAfterMs = Math.min(LONGEST_PAUSE_MS, Math.max(POLL_MS, waited / 4));
  return { closeTickets: [], status, notes: [], requeueAfterMs };
}

const SILENT: ChrootBuildPlan = { closeTickets: [], notes: [] };

/**
 * Where a stage is that asks this. What this very reconcile has shown before it asked counts, not what the world was
 * made from: a publisher that was asked may have published, and must not be taken for one that was not.
 */
function phaseOf({ chrootBuild }: ChrootBuildWorld, question: Question): Phase {
  const shown = chrootBuild.status?.phase ?? 'Running';
  if (question === 'imported') return 'Importing';
  return question === 'publication' && shown !== 'Importing' ? 'Publishing' : shown;
}

function start(
  world: ChrootBuildWorld,
  now: number,
  attempt: number,
  reason: string,
  message: string,
): ChrootBuildPlan {
  const { chrootBuild, chroot } = world;
  if (chrootBuild.spec.stage === 'binary' && chroot === undefined) {
    return end(world, now, 'Failed', 'ChrootNotFound', `Chroot ${chrootBuild.spec.chroot} is no longer there`);
  }
  return {
    ...at(world, now, 'Waiting', reason, message),
    takeTicket: ticketFor(chrootBuild, chroot, attempt),
    closeTickets: open(world),
  };
}

function at(world: ChrootBuildWorld, now: number, phase: Phase, reason: string, message: string): ChrootBuildPlan {
  return { closeTickets: [], status: chrootBuildStatus(world, { phase, reason, message }, now), notes: [] };
}

function end(world: ChrootBuildWorld, now: number, phase: Phase, reason: string, message: string): ChrootBuildPlan {
  const status = chrootBuildStatus(world, { phase, reason, message }, now);
  const note = phase === 'Succeeded' ? normal(reason, message) : warning(reason, status.message ?? message);
  return { closeTickets: open(world), status, notes: isTerminal(phase) ? [note] : [] };
}

function attempts(world: ChrootBuildWorld): number[] {
  return world.tickets.map((ticket) => ticket.spec.attempt);
}

function open(world: ChrootBuildWorld): BuilderTicket[] {
  return world.tickets.filter((ticket) => !ticket.spec.closed);
}
