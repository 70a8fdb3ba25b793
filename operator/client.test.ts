import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';

import type { ApiClient } from './client.ts';
import { isAlreadyExists, isConflict } from './client.ts';
import { Pods, Secrets } from './core.ts';
import { aPod, aSecret, aWidget, Gadgets, meta, Widgets } from './testing/builders.ts';
import { useClientRig } from './testing/clientRig.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { testClient } from './testing/harness.ts';

let api: FakeApi;
let client: ApiClient;

useClientRig((fresh) => {
  ({ api, client } = fresh);
});

describe('reading', () => {
  test('get returns undefined for what does not exist', async () => {
    expect(await client.get(Widgets, 'demo/none')).toBeUndefined();
  });

  test('get of a namespaced kind without a namespace says what is wrong', async () => {
    await expect(client.get(Widgets, 'none')).rejects.toThrow('Widget "none" has no namespace');
  });

  test('list reads all pages and gives every item its kind', async () => {
    for (let i = 0; i < 7; i++) api.create(Widgets, aWidget(`demo/w${i}`));
    const { items, resourceVersion } = await client.list(Widgets, { limit: 3 });
    expect(items.map((item) => item.metadata.name)).toEqual(['w0', 'w1', 'w2', 'w3', 'w4', 'w5', 'w6']);
    expect(items.every((item) => item.kind === 'Widget' && item.apiVersion === 'test.kopr.dev/v1')).toBe(true);
    expect(resourceVersion).toBe(String(api.storage.version));
    expect(api.requests.map((request) => request.query.continue)).toEqual([undefined, 'page-1', 'page-2']);
  });

  test('list narrows by namespace, label and field', async () => {
    api.create(Pods, { ...aPod('a/one', { metadata: { labels: { app: 'x' } } }) });
    api.create(Pods, { ...aPod('a/two', { metadata: { labels: { app: 'y' } } }) });
    api.create(Pods, { ...aPod('b/three', { metadata: { labels: { app: 'x' } } }) });
    const names = async (options: Parameters<ApiClient['list']>[1]): Promise<string[]> =>
      (await client.list(Pods, options as never)).items.map((pod) => pod.metadata.name);
    expect(await names({ namespace: 'a' })).toEqual(['one', 'two']);
    expect(await names({ labelSelector: 'app=x' })).toEqual(['one', 'three']);
    expect(await names({ labelSelector: 'app in (y)', namespace: 'a' })).toEqual(['two']);
    expect(await names({ fieldSelector: 'metadata.name=three' })).toEqual(['three']);
  });

  test('a page that breaks off is read again without doubling its items', async () => {
    for (let i = 0; i < 5; i++) api.create(Widgets, aWidget(`demo/w${i}`));
    api.fault({ method: 'GET', action: { resetAfterBytes: 400 } });
    const { items } = await client.list(Widgets);
    expect(items).toHaveLength(5);
  });

  test('the log of a container comes as it is', async () => {
    api.create(Pods, aPod('demo/p'));
    api.setLog('demo/p', 'main', 'line 1\nline 2\n');
    const chunks: Buffer[] = [];
    for await (const chunk of client.podLog('demo/p', { container: 'main' })) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('line 1\nline 2\n');
  });
});

describe('writing', () => {
  test('create fills in the kind and refuses a second one', async () => {
    const created = await client.create(Widgets, { metadata: meta('demo/w'), spec: { size: 2 } });
    expect(created).toMatchObject({ kind: 'Widget', apiVersion: 'test.kopr.dev/v1', spec: { size: 2 } });
    const again = client.create(Widgets, { metadata: meta('demo/w'), spec: {} });
    await expect(again).rejects.toSatisfy(isAlreadyExists);
    await expect(again).rejects.not.toSatisfy(isConflict);
  });

  test('create of a cluster-scoped object needs no namespace', async () => {
    await client.create(Gadgets, { metadata: { name: 'g' } });
    expect(api.get(Gadgets, 'g')).toBeDefined();
  });

  test('apply removes the fields this manager applied before and drops now', async () => {
    await client.apply(Widgets, { metadata: meta('demo/w'), spec: { size: 1, colour: 'red' } }, { manager: 'kopr-a' });
    const applied = await client.apply(Widgets, { metadata: meta('demo/w'), spec: { size: 1 } }, { manager: 'kopr-a' });
    expect(applied.spec).toEqual({ size: 1 });
  });

  test('apply without force is refused where another manager holds another value', async () => {
    await client.apply(Widgets, { metadata: meta('demo/w'), spec: { size: 1 } }, { manager: 'kopr-a' });
    const second = client.apply(
      Widgets,
      { metadata: meta('demo/w'), spec: { size: 2 } },
      { manager: 'kopr-b', force: false },
    );
    await expect(second).rejects.toSatisfy(isConflict);
  });

  test('apply of a status sends nothing but the status', async () => {
    const widget = api.create(Widgets, aWidget('demo/w', { metadata: { labels: { a: 'b' } } }));
    const desired = { ...widget, spec: { size: 99 }, status: { phase: 'Ready' } };
    const applied = await client.apply(Widgets, desired, { manager: 'kopr-a', subresource: 'status' });
    expect(applied).toMatchObject({ spec: { size: 1 }, status: { phase: 'Ready' } });
    expect(api.requests.at(-1)?.body).toEqual({
      apiVersion: 'test.kopr.dev/v1',
      kind: 'Widget',
      metadata: { namespace: 'demo', name: 'w', uid: widget.metadata.uid },
      status: { phase: 'Ready' },
    });
  });

  test('apply on condition of a version that is past is a conflict', async () => {
    const widget = api.create(Widgets, aWidget('demo/w'));
    api.update(Widgets, 'demo/w', (w) => {
      w.spec.size = 5;
    });
    const stale = { manager: 'kopr-a', resourceVersion: widget.metadata.resourceVersion ?? '' };
    await expect(client.apply(Widgets, { metadata: meta('demo/w'), spec: { size: 2 } }, stale)).rejects.toSatisfy(
      isConflict,
    );
  });

  test('finalizers are replaced only when the object is still the one that was read', async () => {
    const widget = api.create(Widgets, aWidget('demo/w'));
    const held = await client.patchFinalizers(Widgets, widget, ['kopr.dev/cleanup']);
    expect(held.metadata.finalizers).toEqual(['kopr.dev/cleanup']);
    await expect(client.patchFinalizers(Widgets, widget, [])).rejects.toSatisfy(isConflict);
    expect(api.get(Widgets, 'demo/w')?.metadata.finalizers).toEqual(['kopr.dev/cleanup']);
  });

  test('removing the last finalizer of an object being deleted ends it', async () => {
    const widget = api.create(Widgets, aWidget('demo/w', { metadata: { finalizers: ['kopr.dev/cleanup'] } }));
    expect(await client.delete(Widgets, 'demo/w')).toBe(true);
    const dying = await client.get(Widgets, 'demo/w');
    expect(dying?.metadata.deletionTimestamp).toBeDefined();
    await client.patchFinalizers(Widgets, dying ?? widget, []);
    expect(await client.get(Widgets, 'demo/w')).toBeUndefined();
  });

  test('delete says whether there was something to delete', async () => {
    api.create(Widgets, aWidget('demo/w'));
    expect(await client.delete(Widgets, 'demo/w')).toBe(true);
    expect(await client.delete(Widgets, 'demo/w')).toBe(false);
  });

  test('delete by uid leaves a namesake alone and reports the wanted one as gone', async () => {
    const first = api.create(Secrets, aSecret('demo/s'));
    api.delete(Secrets, 'demo/s');
    api.create(Secrets, aSecret('demo/s'));
    expect(await client.delete(Secrets, 'demo/s', { uid: first.metadata.uid ?? '' })).toBe(false);
    expect(api.get(Secrets, 'demo/s')).toBeDefined();
  });

  test('delete at a version that is past is a conflict', async () => {
    api.create(Widgets, aWidget('demo/w'));
    await expect(client.delete(Widgets, 'demo/w', { resourceVersion: '1' })).rejects.toSatisfy(isConflict);
  });
});

test('many calls share few connections, and are counted under the usual name', async () => {
  const registry = new Registry();
  const own = testClient(api.url, { registry });
  for (let i = 0; i < 100; i++) await own.get(Widgets, 'demo/w');
  expect(api.connections).toBeLessThanOrEqual(2);
  // A call may start while the previous answer is being taken off the wire; that is all that needs a second one.
  expect(own.connectionsOpened()).toBeLessThanOrEqual(2);
  const metrics = await registry.metrics();
  expect(metrics).toContain(`rest_client_requests_total{code="404",method="GET",host="${new URL(api.url).host}"} 100`);
  await own.close();
});
