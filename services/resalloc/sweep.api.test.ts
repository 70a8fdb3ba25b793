import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { ObjectStore } from '../../operator/store.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { sweepForEver } from './sweep.ts';
import type { World } from './testing/world.ts';
import { createWorld } from './testing/world.ts';
import { CLOSED_AT, ticketFor } from './ticket.ts';

const HOUR_MS = 3_600_000;
let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(() => world?.client.close());

it('closed tickets are forgotten a day later, by however many replicas, and open ones are kept', async () => {
  const { client, namespace } = world;
  const clock = new FakeClock();
  const tickets = new ObjectStore<BuilderTicket>(quietLog);
  for (const number of [1, 2, 3]) {
    const draft = ticketFor(number, namespace, { tags: [], sandbox: undefined }, 'own');
    await client.create(BuilderTickets, { ...draft, spec: { ...draft.spec, closed: number < 3 } });
  }
  const fill = async (): Promise<void> => {
    for (const ticket of (await client.list(BuilderTickets, { namespace })).items) tickets.upsert(ticket);
  };
  const closedAt = async (): Promise<(string | undefined)[]> => {
    const found = await Promise.all([1, 2, 3].map((number) => world.ticket(number)));
    return found.map((ticket) => ticket?.metadata.annotations?.[CLOSED_AT]);
  };
  await fill();
  const stop = new AbortController();
  const sweeping = [0, 1].map((random) =>
    sweepForEver({ client, tickets, clock, log: quietLog, random: () => random / 2 }, stop.signal),
  );
  await clock.advance(HOUR_MS);
  await world.eventually('the notes', async () => (await closedAt()).filter((at) => at !== undefined).length === 2);
  expect((await closedAt())[2]).toBeUndefined();
  await fill();
  await clock.advance(23 * HOUR_MS);
  expect(await world.ticket(1)).toBeDefined();
  const gone = async (): Promise<boolean> => {
    await clock.advance(HOUR_MS);
    return (await world.ticket(1)) === undefined && (await world.ticket(2)) === undefined;
  };
  await world.eventually('the end of the closed tickets', gone);
  expect(await world.ticket(3)).toBeDefined();
  stop.abort(new Error('end of test'));
  await Promise.all(sweeping);
  expect(clock.sleeping).toBe(0);
});
