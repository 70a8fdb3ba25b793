import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemClock } from '../lib/clock.ts';
import { fetchMetrics, metricsEnvironment } from '../lib/http/testing/metrics.ts';
import type { ApiClient } from './client.ts';
import type { ControllerOptions } from './controller.ts';
import { Events, Leases, Pods } from './core.ts';
import type { Manager, ManagerOptions } from './manager.ts';
import { createManager } from './manager.ts';
import { keyOf } from './resource.ts';
import type { Widget } from './testing/builders.ts';
import { aPod, aWidget, meta, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { startFakeApi } from './testing/fakeApi.ts';
import { eventually, quietLog, recordingLog, testClient } from './testing/harness.ts';

let api: FakeApi;
let managers: Manager[];
let clients: ApiClient[];
let order: string[];

beforeEach(async () => {
  api = await startFakeApi({ types: [Widgets, Pods, Leases, Events] });
  [managers, clients, order] = [[], [], []];
});

afterEach(async () => {
  for (const manager of managers) await manager.stop();
  for (const client of clients) await client.close();
  await api.stop();
});

function manager(more: Partial<ManagerOptions> = {}): Manager {
  const client = testClient(api.url);
  const created = createManager({
    client,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    name: 'kopr.dev/test',
    instance: 'test-0',
    metricsHost: '127.0.0.1',
    ...more,
  });
  clients.push(client);
  managers.push(created);
  return created;
}

/** Gives every widget a status that says its size. */
function sizing(on: Manager, tag: string): ControllerOptions<Widget> {
  const widgets = on.store(Widgets);
  return {
    name: `sizing-${tag}`,
    for: Widgets,
    rbac: [],
    async reconcile(key) {
      const widget = widgets.get(key);
      if (!widget) return;
      order.push(`${tag} ${key}`);
      const status = { phase: `size ${widget.spec.size}` };
      await on.applyStatus(Widgets, { metadata: widget.metadata, status }, { manager: 'kopr-sizing' });
    },
  };
}

const election = (identity: string, onLost: (reason: string) => void = () => undefined) => ({
  leaderElection: {
    namespace: 'kopr-system',
    name: 'kopr-operator',
    identity,
    onLost,
    leaseMs: 900,
    renewDeadlineMs: 600,
    retryMs: 60,
  },
});

async function ask(on: Manager, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${on.metricsPort}${path}`);
  return { status: response.status, text: await response.text() };
}

describe('working', () => {
  test('objects are reconciled, writes are seen, and what is right already is not written again', async () => {
    const own = manager();
    own.addController(sizing(own, 'a'));
    api.create(Widgets, aWidget('demo/w'));
    await own.start();
    await eventually('the status', () => api.get(Widgets, 'demo/w')?.status?.phase === 'size 1');
    api.update(Widgets, 'demo/w', (widget) => {
      widget.spec.size = 2;
    });
    await eventually('the new status', () => api.get(Widgets, 'demo/w')?.status?.phase === 'size 2');
    // The event of the last write makes it look once more; give it the time to do something wrong.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(order.length).toBeGreaterThanOrEqual(3);
    expect(api.requests.filter((request) => request.method === 'PATCH')).toHaveLength(2);
  });

  test('one cache serves all who ask for a kind, and it is filled before any worker starts', async () => {
    const own = manager();
    expect(own.store(Widgets)).toBe(own.store(Widgets));
    own.addIndex(Widgets, 'size', (widget) => [String(widget.spec.size)]);
    let found: string[] | undefined;
    own.addController<Widget>({
      name: 'reader',
      for: Widgets,
      owns: [Pods],
      rbac: [],
      async reconcile() {
        found ??= [...own.store(Widgets).byIndex('size', '1').map(keyOf), ...own.store(Pods).list().map(keyOf)].sort();
      },
    });
    for (const key of ['a/1', 'a/2']) api.create(Widgets, aWidget(key));
    api.create(Pods, aPod('a/p'));
    await own.start();
    await eventually('a reconcile', () => found !== undefined);
    expect(found).toEqual(['a/1', 'a/2', 'a/p']);
    await eventually('two watches', () => api.openWatches === 2);
  });

  test('a scope limits what is cached', async () => {
    const own = manager({
      scopes: { pods: { namespaces: ['builds', 'more'] }, 'widgets.test.kopr.dev': { labelSelector: 'a=b' } },
    });
    for (const key of ['builds/p', 'more/p', 'elsewhere/p']) api.create(Pods, aPod(key));
    api.create(Widgets, aWidget('demo/in', { metadata: { labels: { a: 'b' } } }));
    api.create(Widgets, aWidget('demo/out'));
    const [pods, widgets] = [own.store(Pods), own.store(Widgets)];
    await own.start();
    expect(pods.list().map(keyOf).sort()).toEqual(['builds/p', 'more/p']);
    expect(widgets.list().map(keyOf)).toEqual(['demo/in']);
    expect(api.requests.some((request) => request.path === '/api/v1/pods')).toBe(false);
  });

  test('a cache asked for later is filled later', async () => {
    const own = manager();
    await own.start();
    api.create(Pods, aPod('a/p'));
    const pods = own.store(Pods);
    await pods.whenSynced();
    expect(pods.list().map(keyOf)).toEqual(['a/p']);
  });

  test('a controller never decides on a cache that lacks its own last writes', async () => {
    const own = manager();
    const pods = own.store(Pods);
    const made: string[] = [];
    own.addController<Widget>({
      name: 'one-pod-each',
      for: Widgets,
      rbac: [],
      async reconcile() {
        // Names that are not deterministic: only the cache can keep it from making a second pod.
        if (pods.list('demo').length > 0) return { requeueAfterMs: 1, reason: 'look again' };
        const name = `pod-${made.length}`;
        made.push(name);
        await own.client.create(Pods, aPod(`demo/${name}`));
        return { requeueAfterMs: 1, reason: 'look again' };
      },
    });
    api.create(Widgets, aWidget('demo/w'));
    await own.start();
    await eventually('a pod', () => made.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(made).toEqual(['pod-0']);
  });
});

describe('health', () => {
  test('ready only when every cache is synced; alive all along', async () => {
    api.fault({ path: /pods$/, times: 1, action: { status: 503 } });
    const directory = mkdtempSync(join(tmpdir(), 'kopr-manager-'));
    const token = metricsEnvironment(directory);
    const own = manager({ metricsPort: 0, metricsTokenFile: token.KOPR_METRICS_TOKEN_FILE });
    own.store(Widgets);
    own.store(Pods);
    const starting = own.start();
    await eventually('the health server', () => own.metricsPort !== undefined);
    await eventually('one cache', async () => (await ask(own, '/readyz')).text === 'waiting for the caches of pods\n');
    expect(await ask(own, '/healthz')).toEqual({ status: 200, text: 'ok\n' });
    await starting;
    expect(await ask(own, '/readyz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await ask(own, '/metrics')).toMatchObject({ status: 401 });
    expect(await fetchMetrics(own.metricsPort ?? 0)).toContain('reflector_lists_total{name="pods"} 1');
    rmSync(directory, { recursive: true });
    expect(await ask(own, '/other')).toMatchObject({ status: 404 });
  });

  test('caches that cannot be filled are an error that names them', async () => {
    const own = manager({ syncTimeoutMs: 50 });
    api.fault({ path: /pods$/, times: 100, action: { status: 403, reason: 'Forbidden' } });
    own.store(Pods);
    own.store(Widgets);
    await expect(own.start()).rejects.toThrow(
      'could not list pods within 0.05 s; check the API server, the CRDs and the RBAC rules',
    );
  });

  test('a port that is taken is an error at the start', async () => {
    const first = manager({ metricsPort: 0 });
    await first.start();
    const second = manager({ metricsPort: first.metricsPort ?? 0 });
    await expect(second.start()).rejects.toThrow('EADDRINUSE');
  });
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
    await eventually('the loss', () => lost.length === 1);
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

test('a controller added after the start would miss it, and is refused', async () => {
  const own = manager();
  await own.start();
  expect(() => own.addController(sizing(own, 'late'))).toThrow('was added after the start');
  await expect(own.start()).rejects.toThrow('started already');
});
