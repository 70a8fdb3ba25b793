import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { systemClock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/client.ts';
import { ConfigMaps } from '../../operator/core.ts';
import { createCounter } from '../../operator/counter.ts';
import { ObjectStore } from '../../operator/store.ts';
import type { FakeApi } from '../../operator/testing/fakeApi.ts';
import { startFakeApi } from '../../operator/testing/fakeApi.ts';
import { quietLog, testClient } from '../../operator/testing/harness.ts';
import type { Method } from './methods.ts';
import { createMethods } from './methods.ts';
import { createWaiters } from './waiters.ts';
import type { Parameter, Result } from './xmlrpc.ts';

let api: FakeApi;
let client: ApiClient;
let methods: ReadonlyMap<string, Method>;
let synced = true;

beforeEach(async () => {
  synced = true;
  api = await startFakeApi({ types: [BuilderTickets, ConfigMaps] });
  client = testClient(api.url, { retry: { baseMs: 1, maxMs: 5, attempts: 2 } });
  methods = methodsWith(20_000);
});

function methodsWith(stepMs: number): ReadonlyMap<string, Method> {
  return createMethods({
    client,
    namespace: 'builds',
    counter: createCounter(client, { namespace: 'kopr', name: 'numbers', highest: () => 0 }),
    waiters: createWaiters(new ObjectStore(quietLog), 'builds', 1),
    clock: systemClock,
    log: quietLog,
    synced: () => synced,
    randomName: () => 'own',
    stepMs,
  });
}

afterEach(async () => {
  await client.close();
  await api.stop();
});

const here = new AbortController().signal;
const gone = AbortSignal.abort(new Error('the client has gone'));

async function run(name: string, parameters: Parameter[] = [], signal = here): Promise<Result> {
  const method = methods.get(name);
  if (method === undefined) throw new Error(`there is no method ${name}`);
  return method(parameters, signal);
}

const AWAY = { kind: 'unavailable', message: expect.stringMatching(/API server (does not answer|gives no number)/) };
const made = (): string[] => api.list(BuilderTickets).map(({ metadata }) => metadata.name);

describe('when the API server is away', () => {
  it.each<[string, Parameter[]]>([
    ['takeTicket', [[]]],
    ['collectTicket', [1]],
    ['closeTicket', [1]],
  ])('%s is a fault, soon', async (method, parameters) => {
    methods = methodsWith(300);
    api.fault({ action: 'silence', times: 100 });
    await expect(run(method, parameters)).rejects.toMatchObject(AWAY);
    api.clearFaults();
    api.fault({ action: { status: 503 }, times: 100 });
    await expect(run(method, parameters)).rejects.toMatchObject(AWAY);
    api.clearFaults();
    await api.stop();
    await expect(run(method, parameters)).rejects.toMatchObject(AWAY);
    await api.start();
  });

  it('numbers go on when it is back', async () => {
    api.fault({ action: 'reset', times: 2 });
    await expect(run('takeTicket', [[]])).rejects.toMatchObject(AWAY);
    api.clearFaults();
    expect(await run('takeTicket', [[]])).toBe(1);
  });
});

describe('a ticket', () => {
  it('is made once, although the answer got lost', async () => {
    api.fault({ method: 'POST', path: /buildertickets/, action: 'lose-answer' });
    expect(await run('takeTicket', [['a']])).toBe(1);
    expect(made()).toEqual(['resalloc-1']);
  });

  it('has a number that no other has, although it was not made', async () => {
    api.fault({ method: 'POST', path: /buildertickets/, action: { status: 403, reason: 'Forbidden' } });
    await expect(run('takeTicket', [[]])).rejects.toMatchObject({
      kind: 'internal',
      message: 'the Kubernetes API server has refused making a ticket: 403 Forbidden',
    });
    expect(await run('takeTicket', [[]])).toBe(2);
  });

  it('is not taken for made when another one has its name', async () => {
    const { metadata, spec } = await client.create(BuilderTickets, {
      metadata: { name: 'resalloc-1', namespace: 'builds' },
      spec: { owner: 'x', sandbox: 'x', architecture: 'x', tags: [], attempt: 1, priority: 0, closed: false },
    });
    await expect(run('takeTicket', [[]])).rejects.toMatchObject({
      message: expect.stringContaining('409 AlreadyExists'),
    });
    expect(api.get(BuilderTickets, 'builds/resalloc-1')).toMatchObject({ metadata, spec });
  });

  it('is closed when its client has left without its number: nobody else could', async () => {
    expect(await run('takeTicket', [[]], gone)).toBe(1);
    expect(api.get(BuilderTickets, 'builds/resalloc-1')?.spec.closed).toBe(true);
  });

  it('is not given before the numbers in use are known', async () => {
    synced = false;
    await expect(run('takeTicket', [[]])).rejects.toThrow('the service is starting');
    expect(made()).toEqual([]);
  });

  it('may vanish while it is being closed', async () => {
    await run('takeTicket', [[]]);
    api.fault({ method: 'PATCH', path: /buildertickets/, action: { status: 404, reason: 'NotFound' } });
    expect(await run('closeTicket', [1])).toBeNull();
  });

  it('keeps the time at which it was closed first', async () => {
    await run('takeTicket', [[]]);
    await run('closeTicket', [1]);
    const before = api.requests.length;
    await run('closeTicket', [1]);
    expect(api.requests.slice(before).map(({ method }) => method)).toEqual(['GET']);
  });
});
