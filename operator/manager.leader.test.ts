import { describe, expect, test } from 'vitest';

import { systemClock } from '../lib/clock.ts';
import { Events, Leases } from './core.ts';
import type { Widget } from './testing/builders.ts';
import { aWidget, meta, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { eventually, recordingLog } from './testing/harness.ts';
import type { ManagerRig } from './testing/managerRig.ts';
import { useManagerRig } from './testing/managerRig.ts';

let api: FakeApi;
let manager: ManagerRig['manager'];
let order: string[];
let sizing: ManagerRig['sizing'];

useManagerRig((fresh) => {
  ({ api, manager, order, sizing } = fresh);
});

/** Shorter than in earnest, yet so long that a busy machine does not look like a lost lease. */
const election = (identity: string, onLost: (reason: string) => void = () => undefined) => ({
  leaderElection: {
    namespace: 'kopr-system',
    name: 'kopr-operator',
    identity,
    onLost,
    leaseMs: 3_000,
    renewDeadlineMs: 2_000,
    retryMs: 60,
  },
});

describe('with an election', () => {
  test('the leader works, the other keeps its caches warm and takes over when the first gives up', async () => {
    const first = manager(election('a'));
    first.addController(sizing(first, 'a'));
    const second = manager(election('b'));
    second.addController(sizing(second, 'b'));
    await first.start();
    await first.whenLeading();
    await second.start();
    api.create(Widgets, aWidget('demo/one'));
    await eventually('the status', () => api.get(Widgets, 'demo/one')?.status !== undefined);
    await eventually('the warm cache', () => second.store(Widgets).get('demo/one')?.status !== undefined);
    expect(order.some((entry) => entry.startsWith('b'))).toBe(false);
    await first.stop();
    await second.whenLeading();
    api.create(Widgets, aWidget('demo/two'));
    await eventually('the status', () => api.get(Widgets, 'demo/two')?.status !== undefined);
    expect(order.filter((entry) => entry.endsWith('two')).every((entry) => entry.startsWith('b'))).toBe(true);
  });

  test('writes of a process that is not the leader are refused', async () => {
    const first = manager(election('a'));
    await first.start();
    await first.whenLeading();
    const second = manager(election('b'));
    await second.start();
    const draft = { metadata: meta('demo/w'), spec: {} };
    await expect(second.client.create(Widgets, draft)).rejects.toThrow('this process is not the leader');
    await expect(second.client.delete(Widgets, 'demo/w')).rejects.toThrow('this process is not the leader');
    expect(await second.client.get(Widgets, 'demo/w')).toBeUndefined();
    await first.client.create(Widgets, draft);
  });

  test('a lease that cannot be renewed is reported to the process', async () => {
    const lost: string[] = [];
    const own = manager(election('a', (reason) => lost.push(reason)));
    await own.start();
    await own.whenLeading();
    api.fault({ path: /leases/, times: 1000, action: { status: 503 } });
    await eventually('the loss', () => lost.length === 1, 15_000);
    expect(own.isLeading()).toBe(false);
    api.clearFaults();
  });
});

describe('stopping', () => {
  test('finishes what runs, still leading, then gives the lease back', async () => {
    const own = manager(election('a'));
    let leadingAtEnd: boolean | undefined;
    own.addController<Widget>({
      name: 'slow',
      for: Widgets,
      rbac: [],
      async reconcile(key) {
        order.push('begin');
        await systemClock.sleep(100);
        leadingAtEnd = own.isLeading();
        own.events.event(aWidget(key), 'Normal', 'Done', 'done');
        order.push('end');
      },
    });
    api.create(Widgets, aWidget('demo/w'));
    await own.start();
    await eventually('the reconcile', () => order.length === 1);
    await own.stop();
    expect([order, leadingAtEnd]).toEqual([['begin', 'end'], true]);
    expect(api.get(Leases, 'kopr-system/kopr-operator')?.spec?.holderIdentity).toBe('');
    expect(api.list(Events)).toHaveLength(1);
    await eventually('the end of the watches', () => api.openWatches === 0);
  });

  test('tells what runs too long to end, and leaves behind what does not listen', async () => {
    const { log, records } = recordingLog();
    const own = manager({ drainMs: 30, log });
    own.addController<Widget>({
      name: 'deaf',
      for: Widgets,
      workers: 2,
      rbac: [],
      async reconcile(key, ctx) {
        order.push(`begin ${key}`);
        if (key === 'demo/deaf') await new Promise(() => undefined);
        await ctx.clock.sleep(60_000, ctx.signal).catch((error: Error) => order.push(error.message));
      },
    });
    api.create(Widgets, aWidget('demo/deaf'));
    api.create(Widgets, aWidget('demo/obedient'));
    await own.start();
    await eventually('both', () => order.length === 2);
    await own.stop();
    expect(order[2]).toBe('draining of the controllers did not finish within 0 s');
    expect(records.some((record) => record.msg === 'left a reconcile behind that did not obey its signal')).toBe(true);
  });

  test('is the same the second time, and possible before the start has finished', async () => {
    api.fault({ times: 1000, action: 'silence' });
    const own = manager();
    own.store(Widgets);
    const starting = expect(own.start()).rejects.toThrow('the manager was stopped');
    await eventually('the list', () => api.requests.length === 1);
    await Promise.all([own.stop(), own.stop()]);
    await starting;
  });
});
