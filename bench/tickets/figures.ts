/** Tickets from creation to their end against a real API server, with warm machines. */

import { startSite } from '../builds/site.ts';
import type { Figure } from '../ranges.ts';
import { runClients, watchArrivals } from './clients.ts';
import { addReleases, createMachines } from './machines.ts';

const CLIENTS = 30;
/** Two for each client: one is being released while the other is taken. */
const MACHINES = 2 * CLIENTS;
const ALONE_MS = 8_000;
const TOGETHER_MS = 15_000;
const PROGRAM = 'bench/tickets/allocator.ts';

export async function ticketFigures(): Promise<Figure[]> {
  const site = await startSite({ pool: { max: 0 }, lives: { startMs: 0, buildMs: 0 }, prepare: addReleases });
  try {
    await createMachines(site.client, MACHINES);
    const operator = await site.startOperator({ program: PROGRAM });
    const arrivals = watchArrivals(site.world);
    const alone = await operator.during(runClients(site.client, arrivals, 1, ALONE_MS));
    const together = await operator.during(runClients(site.client, arrivals, CLIENTS, TOGETHER_MS));
    return [
      { name: `tickets, ${CLIENTS} clients`, value: together.perSecond, unit: '/s', target: 60, rough: true },
      { name: 'warm machine, ticket to assigned, p50', value: alone.assigned.p50, unit: 'ms', target: 50, rough: true },
      { name: 'warm machine, ticket to assigned, p99', value: alone.assigned.p99, unit: 'ms', rough: true },
      { name: 'ticket to its end, 1 client, p50', value: alone.closed.p50, unit: 'ms', rough: true },
      { name: 'ticket to its end, 1 client, p99', value: alone.closed.p99, unit: 'ms', rough: true },
      { name: `ticket to its end, ${CLIENTS} clients, p50`, value: together.closed.p50, unit: 'ms', rough: true },
      { name: `ticket to its end, ${CLIENTS} clients, p99`, value: together.closed.p99, unit: 'ms', rough: true },
    ];
  } finally {
    await site.stop();
  }
}
