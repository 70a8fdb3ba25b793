import type { Builder } from '../../crds/builder.ts';
import { isMachine } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { isLost } from './machines.ts';
import { Places } from './places.ts';
import { Dealer, Rest } from './queue.ts';
import { RunningUsage } from './usage.ts';
import type { Assignment, Failure, SchedulerWorld } from './world.ts';

export interface Decision {
  assign: Assignment[];
  failed: Failure[];
  /** When a pool's pause ends, so that the next cycle is due then; milliseconds since the epoch. */
  wakeAt: number | undefined;
  /** How things stand after the assignments, for those who wait. */
  after: { usage: RunningUsage; places: Places; rests: readonly Rest[] };
}

/**
 * Pure: who gets a builder now. `now` in milliseconds since the epoch. Lines that certainly get none are passed over,
 * and no line is looked into further than it is served: the time does not grow with the tickets that wait.
 */
export function decide(world: SchedulerWorld, now: number): Decision {
  const { assign, failed } = known(world);
  const told = new Set(assign.map(({ ticket }) => ticket.metadata.uid ?? ''));
  const lines = new Set(assign.map(({ ticket }) => world.tickets.lineOf(ticket)));
  const usage = new RunningUsage(world);
  const places = new Places(world, now);
  const rests: Rest[] = [];
  for (const line of world.tickets.lines()) rests.push(lines.has(line) ? new Rest(line, told) : new Rest(line));
  const blocked = new Set<Rest>();
  const isOpen = (rest: Rest): boolean => {
    const { wish, sandbox } = rest.line;
    return places.mayServe(wish, sandbox) && rest.head !== undefined && !blocked.has(rest);
  };
  let open = rests.filter((rest) => isOpen(rest) && !world.suspended.has(rest.line.project));
  while (open.length > 0) {
    assign.push(...deal(open, usage, places, blocked));
    open = open.filter(isOpen);
  }
  return { assign, failed, wakeAt: places.wakeAt(), after: { usage, places, rests } };
}

/** So many lines that found no place: to sort out all others that will find none is faster than asking them in turn. */
const IN_VAIN = 100;

/** Deals out places until there are none for many of these lines, or for none of them. Adds to `blocked`. */
function deal(open: readonly Rest[], usage: RunningUsage, places: Places, blocked: Set<Rest>): Assignment[] {
  const assign: Assignment[] = [];
  const dealer = new Dealer(open, usage);
  const refused = places.refusedWishes;
  let inVain = 0;
  for (let rest = dealer.next(); rest !== undefined; rest = dealer.next()) {
    if (inVain >= IN_VAIN && places.refusedWishes > refused) break;
    const { line } = rest;
    const place = usage.exceeded(line) === undefined ? places.take(line.wish, line.sandbox) : undefined;
    const ticket = place && rest.take();
    if (place === undefined || ticket === undefined) {
      dealer.block();
      blocked.add(rest);
      inVain++;
      continue;
    }
    assign.push(place.machine ? { ticket, pool: place.pool, machine: place.machine } : { ticket, pool: place.pool });
    usage.add(line);
  }
  return assign;
}

/** Tickets that have a Builder and were not told so before a crash, and those who lost the one they were told of. */
function known(world: SchedulerWorld): Pick<Decision, 'assign' | 'failed'> {
  const assign: Assignment[] = [];
  const builders = new Map<string, Builder>();
  for (const builder of world.builders) {
    const uid = builder.spec.ticket?.uid;
    const ticket = uid === undefined ? undefined : world.tickets.get(uid);
    if (uid === undefined || ticket === undefined) continue;
    const other = builders.get(uid);
    // Never two; if there were, the same one is to be told of every time.
    if (other !== undefined && !precedes(builder, other, ticket)) continue;
    builders.set(uid, builder);
  }
  for (const [uid, builder] of builders) {
    const ticket = world.tickets.get(uid);
    if (ticket === undefined || ticket.status?.phase === 'Assigned' || ticket.status?.phase === 'Failed') continue;
    const { pool } = builder.spec;
    assign.push(isMachine(builder) ? { ticket, pool, machine: builder } : { ticket, pool });
  }
  const failed: Failure[] = [];
  for (const ticket of world.tickets.assigned()) {
    if (ticket.spec.chrootBuild !== undefined) continue;
    const builder = builders.get(ticket.metadata.uid ?? '');
    const machine = ticket.status?.builder ?? builder?.metadata.name ?? '';
    if (builder === undefined || isLost(builder)) failed.push({ ticket, machine });
  }
  return { assign, failed };
}

function precedes(a: Builder, b: Builder, ticket: BuilderTicket): boolean {
  const told = ticket.status?.builder;
  if (told === a.metadata.name || told === b.metadata.name) return told === a.metadata.name;
  return a.metadata.name < b.metadata.name;
}
