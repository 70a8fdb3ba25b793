/** Clients that take machines as those of Resalloc do: a ticket, its machine, and the end of it, again and again. */
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { systemClock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Manager } from '../../operator/manager.ts';
import { keyOf } from '../../operator/resource.ts';
import { ownerNo } from '../builds/site.ts';
import type { Sample } from '../measure.ts';
import { summarize } from '../measure.ts';

const DEADLINE_MS = 60_000;

export interface Outcome {
  perSecond: number;
  /** Milliseconds from asking for a ticket to being told of its machine. */
  assigned: Sample;
  /** The same to the end of the ticket. */
  closed: Sample;
}

/** `clients` at a time, each with a sandbox of its own, for so long. The first tenth does not count. */
export async function runClients(client: ApiClient, arrivals: Arrivals, clients: number, ms: number): Promise<Outcome> {
  const started = performance.now();
  const counts = started + ms / 10;
  const assigned: number[] = [];
  const closed: number[] = [];
  const one = async (index: number): Promise<void> => {
    for (let round = 0; performance.now() < started + ms; round++) {
      const asked = performance.now();
      const ticket = await client.create(BuilderTickets, ticketOf(`c${clients}-${index}-${round}`, index));
      await arrivals.assigned(ticket);
      const told = performance.now();
      await client.mergePatch(BuilderTickets, keyOf(ticket), { spec: { closed: true } });
      if (asked < counts) continue;
      assigned.push(told - asked);
      closed.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => one(index)));
  const seconds = (performance.now() - counts) / 1000;
  return { perSecond: closed.length / seconds, assigned: summarize(assigned), closed: summarize(closed) };
}

function ticketOf(name: string, index: number) {
  const owner = ownerNo(index);
  const spec = { owner, sandbox: `${owner}/client-${index}`, environment: 'machine' as const, architecture: 'x86_64' };
  return { metadata: { name, namespace: owner }, spec: { ...spec, tags: [], priority: 0, attempt: 1, closed: false } };
}

/** Who waits for which ticket to be assigned; one watch for all of them. */
export interface Arrivals {
  assigned(ticket: BuilderTicket): Promise<void>;
}

export function watchArrivals(world: Manager): Arrivals {
  const tickets = world.store(BuilderTickets);
  const waiting = new Map<string, () => void>();
  tickets.subscribe(({ now }) => {
    if (now?.status?.phase !== 'Assigned') return;
    waiting.get(keyOf(now))?.();
    waiting.delete(keyOf(now));
  });
  return {
    async assigned(ticket) {
      const key = keyOf(ticket);
      if (tickets.get(key)?.status?.phase === 'Assigned') return;
      await withDeadline(
        { clock: systemClock, ms: DEADLINE_MS, what: `the assignment of ticket ${key}` },
        () => new Promise<void>((resolve) => waiting.set(key, resolve)),
      );
    },
  };
}
