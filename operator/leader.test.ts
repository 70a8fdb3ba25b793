import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../lib/testing/fakeClock.ts';
import type { ApiClient } from './client.ts';
import { Leases } from './core.ts';
import { LeaderElector } from './leader.ts';
import { aLease } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { startFakeApi } from './testing/fakeApi.ts';
import { eventually, quietLog, testClient } from './testing/harness.ts';

const KEY = 'kopr-system/kopr-operator';

let api: FakeApi;
let clock: FakeClock;
let clients: ApiClient[];
let electors: LeaderElector[];
let lost: string[];
let status: boolean[];

beforeEach(async () => {
  api = await startFakeApi({ types: [Leases] });
  clock = new FakeClock();
  [clients, electors, lost, status] = [[], [], [], []];
});

afterEach(async () => {
  for (const elector of electors) await elector.stop();
  expect(clock.sleeping).toBe(0);
  for (const client of clients) await client.close();
  await api.stop();
});

function candidate(identity: string, through: (client: ApiClient) => ApiClient = (client) => client): LeaderElector {
  const own = testClient(api.url, { clock, retry: { attempts: 1 } });
  clients.push(own);
  const client = through(own);
  const elector = new LeaderElector(
    { namespace: 'kopr-system', name: 'kopr-operator', identity, onLost: (reason) => lost.push(reason) },
    { client, clock, log: quietLog, random: () => 0, onStatus: (leading) => status.push(leading) },
  );
  electors.push(elector);
  elector.start();
  return elector;
}

const holder = (): string | undefined => api.get(Leases, KEY)?.spec?.holderIdentity;
const renewals = (): number => api.requests.filter((request) => request.method === 'PATCH').length;

/** What comes of a request whose answer does not arrive before `signal` ends the wait. */
async function unheard(request: Promise<unknown>, signal: AbortSignal | undefined): Promise<never> {
  await request;
  // The stop may be faster than the answer.
  if (signal && !signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw new Error('cut off');
}

/** Moves the clock in steps small enough for the requests in between to be answered. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    await clock.advance(Math.min(500, left));
    await new Promise((resolve) => setTimeout(resolve, 8));
  }
}

describe('acquiring', () => {
  test('the first candidate makes the lease and leads', async () => {
    const a = candidate('a');
    await a.whenLeading();
    expect(api.get(Leases, KEY)?.spec).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    expect([a.isLeading(), status]).toEqual([true, [false, true]]);
  });

  test('the second waits as long as the first renews', async () => {
    const a = candidate('a');
    await a.whenLeading();
    const b = candidate('b');
    await pass(40_000);
    expect([a.isLeading(), b.isLeading(), holder()]).toEqual([true, false, 'a']);
    expect(renewals()).toBeGreaterThan(15);
    expect(api.get(Leases, KEY)?.spec?.renewTime).not.toBe('2026-01-01T00:00:00.000000Z');
  });

  test('a lease whose holder died is taken 15 s after it was last seen moving, and the change counted', async () => {
    api.create(
      Leases,
      aLease(KEY, {
        holderIdentity: 'dead',
        leaseDurationSeconds: 15,
        leaseTransitions: 4,
        renewTime: '2031-01-01T00:00:00.000000Z',
      }),
    );
    const b = candidate('b');
    await pass(14_500);
    expect(holder()).toBe('dead');
    await pass(3_500);
    await b.whenLeading();
    expect(api.get(Leases, KEY)?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 5 });
  });

  test('a lease that was given back is taken at the next try', async () => {
    const a = candidate('a');
    await a.whenLeading();
    const b = candidate('b');
    await pass(2_500);
    await a.stop();
    expect(holder()).toBe('');
    await pass(2_500);
    await b.whenLeading();
    expect([a.isLeading(), b.isLeading(), lost]).toEqual([false, true, []]);
  });

  test('of two that find the lease free one gets it', async () => {
    api.create(Leases, aLease(KEY, { holderIdentity: '' }));
    const [a, b] = [candidate('a'), candidate('b')];
    await eventually('a leader', () => holder() !== '');
    await pass(5_000);
    expect([a.isLeading(), b.isLeading()].filter(Boolean)).toHaveLength(1);
  });
});

describe('losing', () => {
  test('without an answer for 10 s it leads no longer, 5 s before anybody else may', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.fault({ times: 1000, action: { status: 503 } });
    await pass(9_500);
    expect(a.isLeading()).toBe(true);
    await pass(2_500);
    expect([a.isLeading(), lost]).toEqual([false, ['the lease was not renewed for 10 s']]);
    expect(status.at(-1)).toBe(false);
  });

  test('silence is no different from refusal', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.fault({ times: 1000, action: 'silence' });
    await pass(13_000);
    expect([a.isLeading(), lost]).toEqual([false, ['the lease was not renewed for 10 s']]);
  });

  test('a paused process knows by the clock, before it hears from the server', async () => {
    const a = candidate('a');
    await a.whenLeading();
    // Everything stood still for a minute: no timer fired, no answer was read.
    api.fault({ times: 1000, action: 'silence' });
    await clock.advance(0);
    const asleep = clock.advance(60_000);
    await asleep;
    expect(a.isLeading()).toBe(false);
  });

  test('a lease somebody else holds is believed at once', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.update(Leases, KEY, (lease) => {
      lease.spec = { ...lease.spec, holderIdentity: 'usurper' };
    });
    await pass(2_500);
    expect([a.isLeading(), lost]).toEqual([false, ['usurper took over']]);
  });

  test('a touch by somebody else (a label, say) loses nothing', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.update(Leases, KEY, (lease) => {
      lease.metadata.labels = { touched: 'yes' };
    });
    await pass(15_000);
    expect([a.isLeading(), lost]).toEqual([true, []]);
  });

  test('a lease that was deleted is made again', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.delete(Leases, KEY);
    await pass(3_000);
    expect([a.isLeading(), holder()]).toEqual([true, 'a']);
  });

  test('clocks that differ by hours change nothing', async () => {
    const a = candidate('a');
    await a.whenLeading();
    const b = candidate('b');
    await pass(3_000);
    clock.jump(5 * 3_600_000);
    await pass(5_000);
    clock.jump(-10 * 3_600_000);
    await pass(5_000);
    expect([a.isLeading(), b.isLeading(), lost]).toEqual([true, false, []]);
  });
});

describe('giving back', () => {
  test('also when the server carried out a renewal that nobody heard of', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.fault({ method: 'PATCH', action: 'lose-answer' });
    await clock.advance(2_000);
    await eventually('the renewal', () => renewals() === 1);
    await a.stop();
    expect(holder()).toBe('');
  });

  test.each(['POST', 'PATCH'])(
    'also when the stop cut off an acquisition (%s) that was carried out',
    async (method) => {
      if (method === 'PATCH') api.create(Leases, aLease(KEY, { holderIdentity: '' }));
      const a = candidate('a', (client) => ({
        ...client,
        create: (type, object, options) => unheard(client.create(type, object), options?.signal),
        mergePatch: (type, key, patch, options) =>
          options?.signal
            ? unheard(client.mergePatch(type, key, patch), options.signal)
            : client.mergePatch(type, key, patch, options),
      }));
      await eventually('the acquisition', () => holder() === 'a');
      await a.stop();
      expect([a.isLeading(), holder()]).toEqual([false, '']);
    },
  );

  test('also when the answer to an acquisition was lost and it was not tried again', async () => {
    api.fault({ method: 'POST', action: 'lose-answer' });
    const a = candidate('a');
    await eventually('the acquisition', () => holder() === 'a');
    await a.stop();
    expect(holder()).toBe('');
  });

  test('an acquisition that arrives after the stop comes to nothing', async () => {
    api.create(Leases, aLease(KEY, { holderIdentity: '' }));
    const late: (() => Promise<unknown>)[] = [];
    const a = candidate('a', (client) => ({
      ...client,
      mergePatch: (type, key, patch, options) => {
        if (!options?.signal) return client.mergePatch(type, key, patch, options);
        late.push(() => client.mergePatch(type, key, patch));
        return unheard(Promise.resolve(), options.signal);
      },
    }));
    await eventually('the acquisition', () => late.length === 1);
    await a.stop();
    await expect(late[0]?.()).rejects.toThrow(/409|Conflict/);
    expect(holder()).toBe('');
  });

  test('who never tried to take the lease asks for nothing when it stops', async () => {
    await candidate('a').whenLeading();
    const b = candidate('b');
    await pass(5_000);
    const before = api.requests.length;
    await b.stop();
    expect([api.requests.length, holder()]).toEqual([before, 'a']);
  });

  test('never takes it from somebody else, not even after an acquisition of unknown outcome', async () => {
    api.fault({ method: 'POST', action: 'lose-answer' });
    const a = candidate('a');
    await eventually('the acquisition', () => holder() === 'a');
    api.update(Leases, KEY, (lease) => {
      lease.spec = { ...lease.spec, holderIdentity: 'usurper' };
    });
    await a.stop();
    expect([holder(), renewals()]).toEqual(['usurper', 0]);
  });

  test('who lost the lease does not give it back: work under it may go on', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.fault({ method: 'PATCH', times: 1000, action: { status: 503 } });
    await pass(12_500);
    expect(lost).toHaveLength(1);
    const before = renewals();
    await a.stop();
    expect([holder(), renewals()]).toEqual(['a', before]);
  });

  test('never takes it from somebody else', async () => {
    const a = candidate('a');
    await a.whenLeading();
    api.update(Leases, KEY, (lease) => {
      lease.spec = { ...lease.spec, holderIdentity: 'usurper' };
    });
    await a.stop();
    expect(holder()).toBe('usurper');
  });
});
