import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { Clock } from '../../lib/clock.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../operator/client.ts';
import { isConflict, isNotFound } from '../../operator/client.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Store } from '../../operator/store.ts';
import { CLOSED_AT, numberOf } from './ticket.ts';

/**
 * Forgets tickets a day after they were closed. Their numbers are never given again, so nobody is told of another's.
 *
 *   open ──▶ left alone, however old: its client may still use the machine
 *   closed, not known since when (by kubectl) ──▶ noted as closed now
 *   closed for a day ──▶ deleted; collectTicket does not know it any more
 */

const KEPT_MS = 24 * 3_600_000;
const PERIOD_MS = 10 * 60_000;
/** Writes of one round. What is left waits for the next. */
const PER_ROUND = 500;

export interface SweepPlan {
  note: BuilderTicket[];
  remove: BuilderTicket[];
}

export function planSweep(tickets: readonly BuilderTicket[], now: number): SweepPlan {
  const closed = tickets.filter(
    ({ metadata, spec }) =>
      spec.closed && metadata.deletionTimestamp === undefined && numberOf(metadata.name) !== undefined,
  );
  const since = (ticket: BuilderTicket): number => Date.parse(ticket.metadata.annotations?.[CLOSED_AT] ?? '');
  return {
    note: closed.filter((ticket) => Number.isNaN(since(ticket))).slice(0, PER_ROUND),
    remove: closed.filter((ticket) => now - since(ticket) >= KEPT_MS).slice(0, PER_ROUND),
  };
}

export interface SweepTools {
  client: ApiClient;
  tickets: Store<BuilderTicket>;
  clock: Clock;
  log: Logger;
  random: () => number;
}

/** Ends with the signal. Every replica does it: what another one has done already is no error. */
export async function sweepForEver(tools: SweepTools, signal: AbortSignal): Promise<void> {
  const { tickets, clock, log, random } = tools;
  for (;;) {
    try {
      await clock.sleep(PERIOD_MS * (0.5 + random()), signal);
    } catch {
      return;
    }
    try {
      await sweep(tools, planSweep(tickets.list(), clock.now()), signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ error: errorMessage(error) }, 'closed tickets could not be forgotten; the next round tries again');
    }
  }
}

async function sweep({ client, clock, log }: SweepTools, plan: SweepPlan, signal: AbortSignal): Promise<void> {
  for (const { metadata } of plan.note) {
    const patch = { metadata: { uid: metadata.uid, annotations: { [CLOSED_AT]: toTimestamp(clock.now()) } } };
    try {
      await client.mergePatch(BuilderTickets, keyOf({ metadata }), patch, { signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
  for (const { metadata } of plan.remove) {
    const { uid } = metadata;
    await client.delete(BuilderTickets, keyOf({ metadata }), { signal, ...(uid === undefined ? {} : { uid }) });
  }
  const [noted, removed] = [plan.note.length, plan.remove.length];
  if (noted + removed > 0) log.info({ noted, removed }, 'closed tickets are forgotten a day later');
}
