import type { BuilderTicket } from '../../crds/builderticket.ts';
import { PoolSlots } from './pools.ts';
import { FairQueue } from './queue.ts';
import { RunningUsage } from './usage.ts';
import type { Assignment, Schedule, SchedulerWorld, Waiting } from './world.ts';

/** Tickets whose exact place in the queue is shown. Further ones would change theirs with every build that starts. */
export const SHOWN_POSITIONS = 100;

/** Pure: who gets a builder now, and why the others do not. `now` in milliseconds since the epoch. */
export function schedule(world: SchedulerWorld, now: number): Schedule {
  const served = new Map(world.builders.map((builder) => [builder.spec.ticket.uid, builder]));
  const assign: Assignment[] = [];
  const waiting: Waiting[] = [];
  const queued: BuilderTicket[] = [];
  for (const ticket of world.tickets) {
    if (ticket.status?.phase === 'Assigned') continue;
    // Its Builder was made, but a crash came before the ticket was told.
    const builder = served.get(ticket.metadata.uid ?? '');
    if (builder !== undefined) assign.push({ ticket, pool: builder.spec.pool });
    else queued.push(ticket);
  }

  const usage = new RunningUsage(world);
  const slots = new PoolSlots(world, now);
  const queue = new FairQueue(queued, usage);
  let position = 0;
  for (let ticket = queue.take(); ticket !== undefined; ticket = queue.take()) {
    const hold = held(world, ticket, usage);
    if (hold !== undefined) {
      waiting.push({ ticket, ...hold, position: undefined });
      continue;
    }
    const choice = slots.take(ticket);
    if ('pool' in choice) {
      assign.push({ ticket, pool: choice.pool });
      usage.add(ticket);
      continue;
    }
    waiting.push({ ticket, ...choice, position: position < SHOWN_POSITIONS ? position : undefined });
    position++;
  }
  return { assign, waiting, wakeAt: slots.wakeAt() };
}

function held(
  world: SchedulerWorld,
  ticket: BuilderTicket,
  usage: RunningUsage,
): { reason: string; message: string } | undefined {
  if (world.suspended.has(`${ticket.metadata.namespace}/${ticket.spec.project}`)) {
    return { reason: 'ProjectSuspended', message: `Project "${ticket.spec.project}" is suspended` };
  }
  const exceeded = usage.exceeded(ticket);
  return exceeded === undefined ? undefined : { reason: 'QuotaExceeded', message: exceeded };
}
