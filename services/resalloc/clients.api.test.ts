import { afterEach, describe, expect, it } from 'vitest';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { systemClock } from '../../lib/clock.ts';
import { call, calls, lives } from './testing/client.ts';
import type { Rig } from './testing/rig.ts';
import { MAX_WAITERS, PASSWORD, ready, UNKNOWN, useRig, WAITS } from './testing/rig.ts';
import type { World } from './testing/world.ts';
import { numberOf } from './ticket.ts';

let rig: Rig;
let world: World;
let url = '';

useRig((started) => {
  rig = started;
  ({ world } = rig);
  ({ url } = rig.first);
});

const take = async (): Promise<number> => Number(await call(url, 'takeTicket', ['a']));
const collect = (number: number): Promise<unknown> => call(url, 'collectTicket', number);

describe('waitTicket', () => {
  const waiting = async (count: number): Promise<void> =>
    world.eventually(`${count} waiting clients`, async () =>
      (await rig.first.registry.metrics()).includes(`kopr_resalloc_waiting_clients ${count}\n`),
    );

  afterEach(() => waiting(0));

  it('returns the output at once when there is a machine', async () => {
    const number = await take();
    await world.assign(number);
    expect(await call(url, 'waitTicket', number)).toEqual({ binary: `host-${number}\n` });
  });

  it('returns when there is one', async () => {
    const number = await take();
    const output = call(url, 'waitTicket', number);
    await waiting(1);
    await world.assign(number);
    expect(await output).toEqual({ binary: `host-${number}\n` });
  });

  it.each<[string, (number: number) => Promise<unknown>]>([
    ['closed', (number) => call(url, 'closeTicket', number)],
    ['failed', (number) => world.fail(number)],
  ])('never returns for a ticket that is %s, and ends with its client', async (_, end) => {
    const number = await take();
    await end(number);
    const { signal, leave } = client();
    const answer = fetchWait(number, signal);
    await waiting(1);
    leave();
    await expect(answer).rejects.toThrow();
  });

  it('never returns for a ticket that nobody has, costs hardly anything, and ends with its client', async () => {
    const { signal, leave } = client();
    const answers = Array.from({ length: MAX_WAITERS }, () => fetchWait(UNKNOWN, signal));
    await waiting(MAX_WAITERS);
    expect(await calls(url, ['waitTicket', UNKNOWN])).toEqual([
      { fault: [-32500, '3 clients wait for tickets already; ask with collectTicket, or try again'] },
    ]);
    leave();
    for (const answer of answers) await expect(answer).rejects.toThrow();
  });

  function client(): { signal: AbortSignal; leave: () => void } {
    const controller = new AbortController();
    return { signal: controller.signal, leave: () => controller.abort(new Error('the client leaves')) };
  }

  /** Not Python: what waits for ever has to be told to leave. */
  function fetchWait(number: number, signal: AbortSignal): Promise<Response> {
    return fetch(`http://127.0.0.1:${rig.first.port}/RPC2`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml', authorization: `Basic ${btoa(`resalloc:${PASSWORD}`)}` },
      body: `<methodCall><methodName>waitTicket</methodName><params><param><value><int>${number}</int></value></param></params></methodCall>`,
      signal,
    });
  }
});

describe('replicas', () => {
  it('know each other’s tickets, and never give a number twice', async () => {
    const other = (await rig.start()).url;
    const numbers = [await take(), Number(await call(other, 'takeTicket', ['a'])), await take()];
    expect(new Set(numbers).size).toBe(3);
    for (const number of numbers) {
      expect(await call(other, 'collectTicket', number)).toEqual(WAITS);
      expect(await collect(number)).toEqual(WAITS);
    }
    const output = call(other, 'waitTicket', numbers[0]);
    await world.assign(numbers[0] ?? 0);
    expect(await output).toEqual({ binary: `host-${numbers[0]}\n` });
  });

  it('never give a number of a ticket that is there, although the counter was lost', async () => {
    const highest = await take();
    await world.client.request({
      method: 'DELETE',
      path: `/api/v1/namespaces/${world.namespace}/configmaps/kopr-resalloc-ids`,
    });
    const other = await rig.start();
    expect(await call(other.url, 'takeTicket', ['a'])).toBeGreaterThan(highest);
  });
});

describe('thirty clients at once', () => {
  it('each get their own tickets', async () => {
    const stop = new AbortController();
    const scheduler = schedule(stop.signal);
    const [done, problems] = await lives(url, 30, 3);
    stop.abort();
    await scheduler;
    expect(problems).toEqual([]);
    expect(new Set(done.map(([number]) => number)).size).toBe(90);
    for (const [number, collected] of done) expect(collected).toEqual(ready(number));
    const { items } = await world.client.list(BuilderTickets, { namespace: world.namespace });
    const taken = new Set(done.map(([number]) => `resalloc-${number}`));
    const own = items.filter(({ metadata }) => taken.has(metadata.name));
    expect(own.map(({ spec }) => spec.closed)).toEqual(Array.from({ length: 90 }, () => true));
  }, 120_000);

  /** Gives every ticket a machine. */
  async function schedule(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { items } = await world.client.list(BuilderTickets, { namespace: world.namespace });
      const waiting = items.filter(({ spec, status }) => spec.sandbox.includes('sandbox-') && !status?.assignedAt);
      await Promise.all(waiting.map(({ metadata }) => world.assign(numberOf(metadata.name) ?? 0)));
      await systemClock.sleep(20);
    }
  }
});
