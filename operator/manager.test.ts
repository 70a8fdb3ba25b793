import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { fetchMetrics, metricsEnvironment } from '../lib/http/testing/metrics.ts';
import { Pods } from './core.ts';
import type { Manager } from './manager.ts';
import { keyOf } from './resource.ts';
import type { Widget } from './testing/builders.ts';
import { aPod, aWidget, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { eventually } from './testing/harness.ts';
import type { ManagerRig } from './testing/managerRig.ts';
import { useManagerRig } from './testing/managerRig.ts';

let api: FakeApi;
let manager: ManagerRig['manager'];
let order: string[];
let sizing: ManagerRig['sizing'];

useManagerRig((fresh) => {
  ({ api, manager, order, sizing } = fresh);
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

test('a controller added after the start would miss it, and is refused', async () => {
  const own = manager();
  await own.start();
  expect(() => own.addController(sizing(own, 'late'))).toThrow('was added after the start');
  await expect(own.start()).rejects.toThrow('started already');
});
