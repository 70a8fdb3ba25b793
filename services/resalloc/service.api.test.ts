import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { systemClock } from '../../lib/clock.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import type { Config } from './config.ts';
import type { Service } from './service.ts';
import { startService } from './service.ts';
import { call, calls, lives } from './testing/client.ts';
import type { World } from './testing/world.ts';
import { createWorld } from './testing/world.ts';
import { CLOSED_AT, numberOf } from './ticket.ts';

const PASSWORD = 'password-of-the-test';
const MAX_WAITERS = 3;
let world: World;
let directory = '';
let service: Service;
let registry: Registry;
let url = '';
const replicas: Service[] = [];

async function startReplica(
  more: Partial<Config> = {},
): Promise<{ replica: Service; numbers: Registry; address: string }> {
  const numbers = new Registry();
  const config: Config = {
    logLevel: 'info',
    httpPort: 0,
    metricsPort: 0,
    metricsTokenFile: undefined,
    releaseNamespace: world.namespace,
    passwordFile: join(directory, 'password'),
    maxWaiters: MAX_WAITERS,
    apiServer: {},
    ...more,
  };
  const replica = await startService(config, {
    client: world.client,
    clock: systemClock,
    log: quietLog,
    registry: numbers,
  });
  replicas.push(replica);
  return { replica, numbers, address: `http://resalloc:${PASSWORD}@127.0.0.1:${replica.ports.http}` };
}

beforeAll(async () => {
  world = await createWorld();
  directory = mkdtempSync(join(tmpdir(), 'kopr-resalloc-'));
  writeFileSync(join(directory, 'password'), PASSWORD);
  ({ replica: service, numbers: registry, address: url } = await startReplica());
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await world?.client.close();
  rmSync(directory, { recursive: true, force: true });
});

const UNKNOWN = 2_000_000_000;
const take = async (...parameters: unknown[]): Promise<number> => Number(await call(url, 'takeTicket', ...parameters));
const collect = (number: number): Promise<unknown> => call(url, 'collectTicket', number);
const WAITS = { ready: false, output: null, closed: false, failed: false };
const ready = (number: number): object => ({ ...WAITS, ready: true, output: { binary: `host-${number}\n` } });

describe('takeTicket', () => {
  it('gives a number, and makes a BuilderTicket that wants a machine', async () => {
    const number = await take(['copr_builder', 'arch_x86_64'], 'alice/hello--alice');
    expect(await world.ticket(number)).toMatchObject({
      metadata: { name: `resalloc-${number}` },
      spec: {
        owner: 'resalloc',
        environment: 'machine',
        sandbox: 'resalloc:alice/hello--alice',
        architecture: 'x86_64',
        tags: ['copr_builder', 'arch_x86_64'],
        closed: false,
      },
    });
  });

  it('takes no tags for an empty list', async () => {
    expect((await world.ticket(await take(null)))?.spec).toMatchObject({ tags: [], architecture: 'noarch' });
  });

  it('gives a ticket without a sandbox one of its own, so that its machine is never used again', async () => {
    const tickets = await Promise.all([world.ticket(await take(['a'])), world.ticket(await take(['a'], null))]);
    const sandboxes = tickets.map((ticket) => ticket?.spec.sandbox);
    for (const sandbox of sandboxes) expect(sandbox).toMatch(/^resalloc:[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(new Set(sandboxes).size).toBe(2);
  });

  it('refuses what no pool could ever offer, with a sentence', async () => {
    expect(await calls(url, ['takeTicket', ['a b']], ['takeTicket', 'copr_builder'])).toEqual([
      { fault: [-32602, expect.stringContaining('the tag "a b" is not possible: must be a tag: letters, digits')] },
      { fault: [-32602, 'the tags must be a list of strings'] },
    ]);
  });
});

describe('collectTicket', () => {
  it('tells of a ticket that nobody has by its ready alone: it is nothing, not False', async () => {
    expect(await collect(UNKNOWN)).toEqual({ ready: null, output: null, closed: false, failed: false });
  });

  it('tells that a ticket waits', async () => {
    expect(await collect(await take(['a']))).toEqual(WAITS);
  });

  it('gives the output of the hook as Binary once there is a machine', async () => {
    const number = await take(['a']);
    await world.assign(number, '---\nhost: 192.0.2.7\n');
    expect(await collect(number)).toEqual({ ...WAITS, ready: true, output: { binary: '---\nhost: 192.0.2.7\n' } });
  });

  it('still says ready, with the output, when the machine is lost', async () => {
    const number = await take(['a']);
    await world.assign(number);
    await world.fail(number);
    expect(await collect(number)).toEqual({ ...ready(number), failed: true });
  });

  it('still says ready, with the output, when the ticket is closed', async () => {
    const number = await take(['a']);
    await world.assign(number);
    await call(url, 'closeTicket', number);
    expect(await collect(number)).toEqual({ ...ready(number), closed: true });
    await world.finish(number);
    expect(await collect(number)).toEqual({ ...ready(number), closed: true });
  });

  it('knows a closed ticket no more when that has been forgotten', async () => {
    const number = await take(['a']);
    await call(url, 'closeTicket', number);
    await world.client.delete(BuilderTickets, `${world.namespace}/resalloc-${number}`);
    expect(await collect(number)).toMatchObject({ ready: null, closed: false });
    expect(await call(url, 'closeTicket', number)).toBeNull();
  });
});

describe('closeTicket', () => {
  it('closes the ticket and notes when', async () => {
    const number = await take(['a']);
    expect(await call(url, 'closeTicket', number)).toBeNull();
    const { metadata, spec } = (await world.ticket(number)) ?? {};
    expect(spec?.closed).toBe(true);
    expect(metadata?.annotations?.[CLOSED_AT]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('may be repeated', async () => {
    const number = await take(['a']);
    expect(await calls(url, ['closeTicket', number], ['closeTicket', number])).toEqual([
      { value: null },
      { value: null },
    ]);
  });

  it('succeeds for a ticket that nobody has: clients would repeat it for ever', async () => {
    expect(await call(url, 'closeTicket', UNKNOWN)).toBeNull();
    expect(await call(url, 'closeTicket', -1)).toBeNull();
  });

  it('closes a ticket that has failed', async () => {
    const number = await take(['a']);
    await world.assign(number);
    await world.fail(number);
    await call(url, 'closeTicket', number);
    expect(await collect(number)).toEqual({ ...ready(number), closed: true });
  });
});

describe('waitTicket', () => {
  const waiting = async (count: number): Promise<void> =>
    world.eventually(`${count} waiting clients`, async () =>
      (await registry.metrics()).includes(`kopr_resalloc_waiting_clients ${count}\n`),
    );

  afterEach(() => waiting(0));

  it('returns the output at once when there is a machine', async () => {
    const number = await take(['a']);
    await world.assign(number);
    expect(await call(url, 'waitTicket', number)).toEqual({ binary: `host-${number}\n` });
  });

  it('returns when there is one', async () => {
    const number = await take(['a']);
    const output = call(url, 'waitTicket', number);
    await waiting(1);
    await world.assign(number);
    expect(await output).toEqual({ binary: `host-${number}\n` });
  });

  it.each<[string, (number: number) => Promise<unknown>]>([
    ['closed', (number) => call(url, 'closeTicket', number)],
    ['failed', (number) => world.fail(number)],
  ])('never returns for a ticket that is %s, and ends with its client', async (_, end) => {
    const number = await take(['a']);
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
    return fetch(`http://127.0.0.1:${service.ports.http}/RPC2`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml', authorization: `Basic ${btoa(`resalloc:${PASSWORD}`)}` },
      body: `<methodCall><methodName>waitTicket</methodName><params><param><value><int>${number}</int></value></param></params></methodCall>`,
      signal,
    });
  }
});

it('the methods can be listed', async () => {
  expect(await call(url, 'system.listMethods')).toEqual([
    'closeTicket',
    'collectTicket',
    'system.listMethods',
    'takeTicket',
    'waitTicket',
  ]);
});

it('a wrong password gets nowhere', async () => {
  expect(await calls(url.replace(PASSWORD, 'wrong-password-here'), ['takeTicket', ['a']])).toEqual([{ status: 401 }]);
});

describe('replicas', () => {
  it('know each other’s tickets, and never give a number twice', async () => {
    const other = (await startReplica()).address;
    const numbers = [await take(['a']), Number(await call(other, 'takeTicket', ['a'])), await take(['a'])];
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
    const highest = await take(['a']);
    await world.client.request({
      method: 'DELETE',
      path: `/api/v1/namespaces/${world.namespace}/configmaps/kopr-resalloc-ids`,
    });
    const { address } = await startReplica();
    expect(await call(address, 'takeTicket', ['a'])).toBeGreaterThan(highest);
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
