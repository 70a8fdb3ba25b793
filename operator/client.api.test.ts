import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { applyIfChanged, wouldChange } from './apply.ts';
import type { ApiClient, Desired } from './client.ts';
import { isAlreadyExists, isConflict, isInvalid } from './client.ts';
import type { Condition } from './conditions.ts';
import { setCondition } from './conditions.ts';
import { ConfigMaps, Secrets } from './core.ts';
import type { Widget } from './testing/builders.ts';
import { aSecret, aWidget, meta, Widgets } from './testing/builders.ts';
import { eventually, recordingLog } from './testing/harness.ts';
import { freshNamespace, installTestKinds, realClient } from './testing/realApi.ts';
import { createTransform } from './transform.ts';

const transform = createTransform('kopr');
const manager = 'kopr-test';

let client: ApiClient;
let ns: string;

beforeAll(async () => {
  client = await realClient();
  await installTestKinds(client);
  ns = await freshNamespace(client, 'client');
});

afterAll(() => client.close());

describe('reading', () => {
  test('a list of several pages is complete, whole and of one version', async () => {
    const own = await freshNamespace(client, 'pages');
    for (let i = 0; i < 25; i++)
      await client.create(ConfigMaps, { metadata: meta(`${own}/c${i}`), data: { text: `ünïcode "${i}"` } });
    const { items, resourceVersion } = await client.list(ConfigMaps, { namespace: own, limit: 7 });
    expect(items.map((item) => item.data?.text).sort()).toEqual(
      Array.from({ length: 25 }, (_, i) => `ünïcode "${i}"`).sort(),
    );
    expect(items[0]).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    expect(resourceVersion).toMatch(/^\d+$/);
    const cached = await client.list(ConfigMaps, { namespace: own, limit: 7, resourceVersion: '0' });
    expect(cached.items.length).toBeLessThanOrEqual(25);
  });

  test("what does not exist is undefined, what is wrong is an error with the server's words", async () => {
    expect(await client.get(Secrets, `${ns}/none`)).toBeUndefined();
    const wrong = client.create(Secrets, { metadata: meta(`${ns}/Not_A_Name`) });
    await expect(wrong).rejects.toSatisfy(isInvalid);
    await expect(wrong).rejects.toThrow('a lowercase RFC 1123 subdomain');
  });
});

describe('preconditions', () => {
  test('finalizers go onto the object that was read, or nowhere', async () => {
    const created = await client.create(Widgets, aWidget(`${ns}/held`));
    const held = await client.patchFinalizers(Widgets, created, ['kopr.dev/cleanup']);
    expect(held.metadata.finalizers).toEqual(['kopr.dev/cleanup']);
    const stale = client.patchFinalizers(Widgets, created, []);
    await expect(stale).rejects.toSatisfy(isConflict);
    await expect(client.patchFinalizers(Widgets, held, ['not a name'])).rejects.toSatisfy(isInvalid);
    expect(await client.delete(Widgets, `${ns}/held`)).toBe(true);
    const dying = (await client.get(Widgets, `${ns}/held`)) as Widget;
    expect(dying.metadata.deletionTimestamp).toBeDefined();
    await client.patchFinalizers(Widgets, dying, []);
    expect(await client.get(Widgets, `${ns}/held`)).toBeUndefined();
    expect(await client.delete(Widgets, `${ns}/held`)).toBe(false);
  });

  test('a deletion by uid spares a namesake', async () => {
    const first = await client.create(Secrets, aSecret(`${ns}/twice`));
    await client.delete(Secrets, `${ns}/twice`);
    const second = await client.create(Secrets, aSecret(`${ns}/twice`));
    expect(await client.delete(Secrets, `${ns}/twice`, { uid: first.metadata.uid ?? '' })).toBe(false);
    const stale = client.delete(Secrets, `${ns}/twice`, { resourceVersion: first.metadata.resourceVersion ?? '' });
    await expect(stale).rejects.toSatisfy(isConflict);
    expect(await client.delete(Secrets, `${ns}/twice`, { uid: second.metadata.uid ?? '' })).toBe(true);
  });

  test('a second create, an apply on a past version and a patch on one are refused, each in its way', async () => {
    const widget = await client.create(Widgets, aWidget(`${ns}/cas`));
    await expect(client.create(Widgets, aWidget(`${ns}/cas`))).rejects.toSatisfy(isAlreadyExists);
    const old = widget.metadata.resourceVersion ?? '';
    await client.mergePatch(Widgets, `${ns}/cas`, { metadata: { resourceVersion: old }, spec: { size: 2 } });
    const desired = { metadata: meta(`${ns}/cas`), spec: { size: 3 } };
    await expect(client.apply(Widgets, desired, { manager, resourceVersion: old })).rejects.toSatisfy(isConflict);
    const patch = client.mergePatch(Widgets, `${ns}/cas`, { metadata: { resourceVersion: old }, spec: { size: 3 } });
    await expect(patch).rejects.toSatisfy(isConflict);
    expect((await client.get(Widgets, `${ns}/cas`))?.spec.size).toBe(2);
  });

  test('an apply with a uid creates nothing', async () => {
    const desired = {
      metadata: meta(`${ns}/ghost`, { uid: '00000000-0000-4000-8000-000000000000' }),
      spec: { size: 3 },
    };
    await expect(client.apply(Widgets, desired, { manager })).rejects.toSatisfy(isConflict);
    const status = { metadata: meta(`${ns}/ghost`), status: { phase: 'x' } };
    await expect(client.apply(Widgets, status, { manager, subresource: 'status' })).rejects.toThrow('404');
    expect(await client.get(Widgets, `${ns}/ghost`)).toBeUndefined();
  });
});

describe('server-side apply against diff-before-write', () => {
  const specs: [string, Widget['spec'], Widget['spec']][] = [
    ['scalars', { size: 1 }, { size: 2 }],
    ['a field dropped', { size: 1, extra: 'x' }, { size: 1 }],
    ['nested objects', { a: { b: { c: 1 } } }, { a: { b: { c: 2 } } }],
    ['sets', { tags: ['b', 'a'] }, { tags: ['a'] }],
    ['atomic lists', { steps: [{ run: 'a' }, { run: 'b' }] }, { steps: [{ run: 'b' }] }],
    ['lists of unknown fields', { list: [{ a: 1, b: 2 }] }, { list: [{ a: 1 }] }],
    ['empty values', { a: {}, list: [] }, { a: {} }],
  ];

  test.each(specs)('%s: skipped when nothing would change, sent when something would', async (name, first, second) => {
    const key = `${ns}/apply-${name.replaceAll(' ', '-')}`;
    const desired = (spec: Widget['spec']): Desired<Widget> => ({
      metadata: { ...meta(key), labels: { part: 'x' } },
      spec,
    });
    const applied = await client.apply(Widgets, desired(first), { manager });
    const version = applied.metadata.resourceVersion;
    const cached = transform(structuredClone(applied));
    expect(wouldChange(cached, desired(first), manager)).toBe(false);
    // The server agrees that it changes nothing.
    expect((await client.apply(Widgets, desired(first), { manager })).metadata.resourceVersion).toBe(version);
    expect(wouldChange(cached, desired(second), manager)).toBe(true);
    const changed = await client.apply(Widgets, desired(second), { manager });
    expect(changed.metadata.resourceVersion).not.toBe(version);
    // The default of the schema is the server's, not ours.
    expect(changed.spec).toEqual({ ...second, colour: 'grey' });
    expect(wouldChange(transform(changed), desired(second), manager)).toBe(false);
  });

  test('conditions of two controllers live side by side in one status', async () => {
    const widget = await client.create(Widgets, aWidget(`${ns}/two-managers`));
    const wish = (type: string, status: 'True' | 'False'): Desired<Widget> => {
      const conditions: Condition[] = setCondition(
        [],
        { type, status, reason: 'Because', message: '' },
        undefined,
        '2026-01-01T00:00:00Z',
      );
      return { metadata: meta(`${ns}/two-managers`), status: { conditions } };
    };
    await client.apply(Widgets, wish('Ready', 'True'), { manager: 'kopr-a', subresource: 'status' });
    const both = await client.apply(Widgets, wish('Published', 'False'), { manager: 'kopr-b', subresource: 'status' });
    expect(((both.status?.conditions ?? []) as Condition[]).map((condition) => condition.type).sort()).toEqual([
      'Published',
      'Ready',
    ]);
    expect(both.metadata.generation).toBe(widget.metadata.generation);
    const cached = transform(structuredClone(both));
    expect(wouldChange(cached, wish('Ready', 'True'), 'kopr-a', 'status')).toBe(false);
    expect(wouldChange(cached, wish('Ready', 'False'), 'kopr-a', 'status')).toBe(true);
    expect(wouldChange(cached, wish('Ready', 'True'), 'kopr-b', 'status')).toBe(true);
    const { changed } = await applyIfChanged(client, Widgets, cached, wish('Published', 'False'), {
      manager: 'kopr-b',
      subresource: 'status',
    });
    expect(changed).toBe(false);
  });

  test('a field that is dropped below a part of the schema that is open is not applied for ever', async () => {
    await client.create(Widgets, aWidget(`${ns}/pruned`));
    const conditions = [{ type: 'Ready', status: 'True', invented: 'x' }];
    const desired: Desired<Widget> = { metadata: meta(`${ns}/pruned`), status: { conditions } };
    const options = { manager, subresource: 'status' } as const;
    const first = await client.apply(Widgets, desired, options);
    // This is the trap: the server counts repetitions as changes (not each of them; its caches have a say in it).
    let last = first;
    await eventually('a repetition that counts as a change', async () => {
      last = await client.apply(Widgets, desired, options);
      return last.metadata.resourceVersion !== first.metadata.resourceVersion;
    });
    expect(wouldChange(transform(last), desired, manager, 'status')).toBe(false);
  });

  test('a field the schema does not know is refused at the first attempt', async () => {
    const registry = new Registry();
    const own = await realClient({ registry });
    const desired = { metadata: meta(`${ns}/unknown`), spec: {}, invented: 1 };
    const refused = own.apply(Widgets, desired, { manager });
    await expect(refused).rejects.toThrow('.invented: field not declared in schema');
    await expect(refused).rejects.toSatisfy(isInvalid);
    expect(await registry.metrics()).not.toContain('rest_client_request_retries_total{');
    await own.close();
  });

  test('what the server warns of is in the log, once', async () => {
    const { log, records } = recordingLog();
    const own = await realClient({ log });
    for (const name of ['warned-1', 'warned-2']) {
      const draft = { metadata: meta(`${ns}/${name}`), data: { a: '1' }, invented: 'x' };
      await own.create(ConfigMaps, draft);
    }
    const warnings = records.filter((record) => record.msg === 'the API server warns');
    expect(warnings.map((record) => record.warning)).toEqual(['unknown field "invented"']);
    await own.close();
  });

  test('a field somebody else changed or removed is applied again', async () => {
    const desired: Desired<Widget> = { metadata: meta(`${ns}/meddled`), spec: { size: 1, extra: { a: 'x' } } };
    await client.apply(Widgets, desired, { manager });
    for (const patch of [{ spec: { size: 9 } }, { spec: { extra: null } }, { spec: { extra: { a: null } } }]) {
      const cached = transform(await client.mergePatch(Widgets, `${ns}/meddled`, patch));
      const { changed, obj } = await applyIfChanged(client, Widgets, cached, desired, { manager });
      expect([changed, obj.spec]).toEqual([true, { size: 1, extra: { a: 'x' }, colour: 'grey' }]);
    }
  });

  test('labels, annotations, owners and finalizers are compared as well', async () => {
    const key = `${ns}/metadata`;
    const owner = {
      apiVersion: 'v1',
      kind: 'Secret',
      name: 'o',
      uid: '00000000-0000-4000-8000-000000000001',
      controller: true,
    };
    const desired = (label: string): Desired<Widget> => ({
      metadata: {
        ...meta(key),
        labels: { a: label },
        annotations: { 'kopr.dev/x': '1' },
        finalizers: ['kopr.dev/f'],
        ownerReferences: [owner],
      },
      spec: { size: 1 },
    });
    const cached = transform(await client.apply(Widgets, desired('1'), { manager }));
    expect(wouldChange(cached, desired('1'), manager)).toBe(false);
    expect(wouldChange(cached, desired('2'), manager)).toBe(true);
    await client.patchFinalizers(Widgets, cached, []);
  });

  test('a core type through the same door', async () => {
    const desired: Desired<{ data?: Record<string, string> } & Widget> = {
      metadata: meta(`${ns}/cm`),
      data: { a: '1' },
    } as never;
    const type = ConfigMaps as never as typeof Widgets;
    const cached = transform(await client.apply(type, desired as never, { manager }));
    expect(wouldChange(cached, desired as never, manager)).toBe(false);
  });
});

test('hundreds of calls, some at a time, share a handful of connections', async () => {
  const own = await realClient();
  for (let i = 0; i < 200; i++) await own.get(Secrets, `${ns}/none`);
  const alone = own.connectionsOpened();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 50; i++) await own.get(Secrets, `${ns}/none`);
    }),
  );
  console.info(
    `connections: ${alone} for 200 calls in a row, ${own.connectionsOpened()} after 400 more from 8 callers`,
  );
  expect(alone).toBeLessThanOrEqual(2);
  // Each caller may start its next call while the previous answer is being taken off the wire.
  expect(own.connectionsOpened()).toBeLessThanOrEqual(18);
  await own.close();
});
