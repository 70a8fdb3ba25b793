import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { systemClock } from '../lib/clock.ts';
import type { ApiClient } from './client.ts';
import { Leases } from './core.ts';
import { LeaderElector } from './leader.ts';
import { eventually, quietLog } from './testing/harness.ts';
import { freshNamespace, realClient } from './testing/realApi.ts';

/** A fifth of the real numbers, with the same proportions: a busy machine must not look like a lost lease. */
const FAST = { leaseMs: 3_000, renewDeadlineMs: 2_000, retryMs: 200 };

let client: ApiClient;
let key: string;
let electors: LeaderElector[] = [];

beforeAll(async () => {
  client = await realClient();
});

afterEach(async () => {
  for (const elector of electors) await elector.stop();
  electors = [];
});

afterAll(() => client.close());

function candidate(identity: string, through: ApiClient, lost: string[] = []): LeaderElector {
  const [namespace = '', name = ''] = key.split('/');
  const elector = new LeaderElector(
    { namespace, name, identity, onLost: (reason) => lost.push(`${identity}: ${reason}`), ...FAST },
    { client: through, clock: systemClock, log: quietLog, random: Math.random, onStatus: () => undefined },
  );
  electors.push(elector);
  elector.start();
  return elector;
}

test('two electors hand over when the leader goes in order, and never lead together', async () => {
  key = `${await freshNamespace(client, 'leader')}/kopr`;
  const [a, b] = [candidate('a', client), candidate('b', client)];
  await Promise.race([a.whenLeading(), b.whenLeading()]);
  const [leader, other] = a.isLeading() ? [a, b] : [b, a];
  let together = 0;
  const watch = setInterval(() => {
    if (a.isLeading() && b.isLeading()) together += 1;
  }, 1);
  await systemClock.sleep(1_000);
  expect(other.isLeading()).toBe(false);
  const began = performance.now();
  await leader.stop();
  await other.whenLeading();
  const took = performance.now() - began;
  clearInterval(watch);
  console.info(`hand-over in order: ${Math.round(took)} ms`);
  expect(together).toBe(0);
  // Given back, thus not waited for.
  expect(took).toBeLessThan(FAST.leaseMs);
  const lease = await client.get(Leases, key);
  expect(lease?.spec).toMatchObject({
    holderIdentity: other === a ? 'a' : 'b',
    leaseDurationSeconds: 3,
    leaseTransitions: 1,
  });
  expect(lease?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test('a leader cut off from the server gives up before the other one takes over', async () => {
  key = `${await freshNamespace(client, 'leader')}/kopr`;
  let cut = false;
  const refuse = async (): Promise<never> => {
    await systemClock.sleep(20);
    throw new Error('the network is down');
  };
  const flaky: ApiClient = {
    ...client,
    get: (type, k, options) => (cut ? refuse() : client.get(type, k, options)),
    mergePatch: (type, k, patch, options) => (cut ? refuse() : client.mergePatch(type, k, patch, options)),
  };
  const lost: string[] = [];
  const a = candidate('a', flaky, lost);
  await a.whenLeading();
  const b = candidate('b', client);
  let together = 0;
  const watch = setInterval(() => {
    if (a.isLeading() && b.isLeading()) together += 1;
  }, 1);
  await systemClock.sleep(500);
  cut = true;
  const began = performance.now();
  await eventually('the loss', () => lost.length === 1, 10_000);
  const gaveUp = performance.now() - began;
  await b.whenLeading();
  const took = performance.now() - began;
  clearInterval(watch);
  console.info(
    `cut off: gave up after ${Math.round(gaveUp)} ms, replaced after ${Math.round(took)} ms (lease ${FAST.leaseMs} ms)`,
  );
  expect([lost, together, a.isLeading()]).toEqual([['a: the lease was not renewed for 2 s'], 0, false]);
  expect(took).toBeGreaterThan(gaveUp);
  expect((await client.get(Leases, key))?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
});

test('of many candidates at once exactly one leads', async () => {
  key = `${await freshNamespace(client, 'leader')}/kopr`;
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((identity) => candidate(identity, client));
  await Promise.race(all.map((elector) => elector.whenLeading()));
  await systemClock.sleep(600);
  expect(all.filter((elector) => elector.isLeading())).toHaveLength(1);
});
