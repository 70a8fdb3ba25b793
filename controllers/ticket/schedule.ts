import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Line } from './lines.ts';
import { linesOf } from './lines.ts';
import { PoolSlots } from './pools.ts';
import { deal } from './queue.ts';
import { Forecast, RunningUsage } from './usage.ts';
import type { Assignment, Pending, Schedule, SchedulerWorld, Waiting } from './world.ts';

/** Tickets whose exact place in the queue is shown. Further ones would change theirs with every build that starts. */
export const SHOWN_POSITIONS = 100;

/**
 * Pure: who gets a builder now, and why the others do not. `now` in milliseconds since the epoch.
 * Its time grows with the tickets only by putting them into lines; the decision itself is made line by line.
 */
export function schedule(world: SchedulerWorld, now: number): Schedule {
  const { assign, served, open } = partition(world);
  const lines = linesOf(open);
  const usage = new RunningUsage(world, served);
  const slots = new PoolSlots(world, now);
  deal(slots.exhausted ? [] : lines, usage, (line) => {
    if (held(world, line.sample, usage) !== undefined) return 'blocked';
    const choice = slots.take(line.sample);
    if ('reason' in choice) return slots.exhausted ? 'stop' : 'blocked';
    const ticket = line.tickets.take();
    if (ticket !== undefined) assign.push({ ticket, pool: choice.pool });
    usage.add(line.sample);
    return 'served';
  });
  return { assign, ...explain(world, lines, usage, slots), wakeAt: slots.wakeAt() };
}

/** Tells tickets with a Builder from those without. One whose Builder was made before a crash told it so gets that one. */
function partition(world: SchedulerWorld): { assign: Assignment[]; served: BuilderTicket[]; open: BuilderTicket[] } {
  const builders = new Map(world.builders.map((builder) => [builder.spec.ticket?.uid ?? '', builder]));
  const assign: Assignment[] = [];
  const served: BuilderTicket[] = [];
  const open: BuilderTicket[] = [];
  for (const ticket of world.tickets) {
    if (ticket.status?.phase === 'Assigned') {
      served.push(ticket);
      continue;
    }
    const builder = builders.get(ticket.metadata.uid ?? '');
    if (builder === undefined) {
      open.push(ticket);
      continue;
    }
    served.push(ticket);
    assign.push({ ticket, pool: builder.spec.pool });
  }
  return { assign, served, open };
}

/** Why the rest waits, as things stand after the assignments. The first ones come first and know their position. */
function explain(
  world: SchedulerWorld,
  lines: readonly Line[],
  usage: RunningUsage,
  slots: PoolSlots,
): Pick<Schedule, 'next' | 'rest' | 'pending'> {
  const next: Waiting[] = [];
  const pending: Pending[] = [];
  const waiting = lines.filter((line) => line.tickets.size > 0);
  const reasons = new Map<Line, Reason>();
  const queued: Line[] = [];
  for (const line of waiting) {
    const hold = held(world, line.sample, usage);
    const reason = hold ?? slots.refusal(line.sample);
    reasons.set(line, reason);
    pending.push({
      architecture: line.sample.spec.architecture,
      reason: reason.reason,
      count: line.tickets.size,
    });
    if (hold === undefined && MOVES.has(reason.reason)) queued.push(line);
  }
  // In the order in which they would be served if places became free one by one.
  const forecast = new Forecast(usage);
  deal(queued, forecast, (line) => {
    const reason = reasons.get(line);
    if (next.length === SHOWN_POSITIONS || reason === undefined) return 'stop';
    const ticket = line.tickets.take();
    if (ticket !== undefined) next.push({ ticket, news: { ...reason, position: next.length } });
    forecast.add(line.sample);
    return 'served';
  });
  const rest = waiting.map((line) => ({
    tickets: line.tickets.all(),
    news: { reason: '', message: '', ...reasons.get(line), position: undefined },
  }));
  return { next, rest, pending };
}

/** Only tickets that wait for nothing but their turn have a position: the others stand in nobody's way. */
const MOVES = new Set(['PoolFull', 'PoolPaused']);

interface Reason {
  reason: string;
  message: string;
}

function held(world: SchedulerWorld, ticket: BuilderTicket, usage: RunningUsage): Reason | undefined {
  if (world.suspended.has(`${ticket.metadata.namespace}/${ticket.spec.project}`)) {
    return { reason: 'ProjectSuspended', message: `Project "${ticket.spec.project}" is suspended` };
  }
  const exceeded = usage.exceeded(ticket);
  return exceeded === undefined ? undefined : { reason: 'QuotaExceeded', message: exceeded };
}
