import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { applyIfChanged, wouldChange } from './apply.ts';
import type { ApiClient, Desired } from './client.ts';
import type { Widget } from './testing/builders.ts';
import { aWidget, meta, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { startFakeApi } from './testing/fakeApi.ts';
import { testClient } from './testing/harness.ts';
import { createTransform } from './transform.ts';

const transform = createTransform('kopr');
const manager = 'kopr-test';

let api: FakeApi;
let client: ApiClient;

beforeEach(async () => {
  api = await startFakeApi({ types: [Widgets], listKeys: { parts: ['name', 'arch'] } });
  client = testClient(api.url);
});

afterEach(async () => {
  await client.close();
  await api.stop();
});

function desired(spec: Record<string, unknown>, metadata: Record<string, unknown> = {}): Desired<Widget> {
  return { metadata: { ...meta('demo/w'), ...metadata }, spec };
}

/** What the cache holds after `spec` was applied by us and `then` happened to the object. */
async function cachedAfter(first: Desired<Widget>, then?: (widget: Widget) => void): Promise<Widget> {
  await client.apply(Widgets, first, { manager });
  if (then) api.update(Widgets, 'demo/w', then);
  return transform(api.get(Widgets, 'demo/w') as Widget);
}

describe('an apply is skipped', () => {
  test.each<[string, Record<string, unknown>]>([
    ['plain fields', { size: 1, colour: 'red' }],
    ['nested fields', { a: { b: { c: [1, 2] } } }],
    ['an empty object', { a: {} }],
    [
      'lists that merge by one key',
      {
        conditions: [
          { type: 'A', status: 'True' },
          { type: 'B', status: 'False' },
        ],
      },
    ],
    [
      'lists that merge by two keys',
      {
        parts: [
          { name: 'x', arch: 'i386', n: 1 },
          { name: 'x', arch: 'x86_64', n: 2 },
        ],
      },
    ],
    ['sets', { finalizers: ['a', 'b'] }],
  ])('when %s are as applied', async (_name, spec) => {
    const cached = await cachedAfter(desired(spec));
    expect(wouldChange(cached, desired(structuredClone(spec)), manager)).toBe(false);
  });

  test('when others added fields, items and labels of their own', async () => {
    const spec = { size: 1, conditions: [{ type: 'Mine', status: 'True' }] };
    const cached = await cachedAfter(desired(spec, { labels: { ours: 'yes' } }), (widget) => {
      widget.spec.colour = 'set by a person';
      (widget.spec.conditions as unknown[]).unshift({ type: 'Theirs', status: 'True' });
      widget.metadata.labels = { ...widget.metadata.labels, theirs: 'yes' };
    });
    expect(wouldChange(cached, desired(spec, { labels: { ours: 'yes' } }), manager)).toBe(false);
  });

  test('and sends nothing', async () => {
    const cached = await cachedAfter(desired({ size: 1 }));
    const before = api.requests.length;
    expect(await applyIfChanged(client, Widgets, cached, desired({ size: 1 }), { manager })).toEqual({
      obj: cached,
      changed: false,
    });
    expect(api.requests).toHaveLength(before);
  });

  test('when the server drops a field it does not know: that would be an endless loop', async () => {
    const applied = await client.apply(Widgets, desired({ size: 1, unknown: 'x' }), { manager });
    delete applied.spec.unknown;
    expect(wouldChange(transform(applied), desired({ size: 1, unknown: 'x' }), manager)).toBe(false);
  });

  test('whatever undefined members the wish has', async () => {
    const cached = await cachedAfter(desired({ size: 1 }));
    expect(wouldChange(cached, desired({ size: 1, colour: undefined }), manager)).toBe(false);
  });
});

describe('an apply is sent', () => {
  test('when the object does not exist', async () => {
    const { changed } = await applyIfChanged(client, Widgets, undefined, desired({ size: 1 }), { manager });
    expect(changed).toBe(true);
    expect(api.get(Widgets, 'demo/w')?.spec).toEqual({ size: 1 });
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['a value differs', { size: 1 }, { size: 2 }],
    ['a field is new', { size: 1 }, { size: 1, colour: 'red' }],
    ['a field we applied before is no longer wanted', { size: 1, colour: 'red' }, { size: 1 }],
    [
      'an item changes',
      { conditions: [{ type: 'A', status: 'True' }] },
      { conditions: [{ type: 'A', status: 'False' }] },
    ],
    [
      'an item is new',
      { conditions: [{ type: 'A', status: 'True' }] },
      { conditions: [{ type: 'A', status: 'True' }, { type: 'B' }] },
    ],
    ['an item we applied goes', { conditions: [{ type: 'A' }, { type: 'B' }] }, { conditions: [{ type: 'A' }] }],
    ['a list that is replaced whole grows', { list: [1] }, { list: [1, 2] }],
    ['a list that is replaced whole loses a member of an item', { list: [{ a: 1, b: 2 }] }, { list: [{ a: 1 }] }],
    ['a list becomes empty', { conditions: [{ type: 'A' }] }, { conditions: [] }],
    ['an object becomes a scalar', { a: { b: 1 } }, { a: 1 }],
    ['a set loses a value', { finalizers: ['a', 'b'] }, { finalizers: ['a'] }],
  ])('when %s', async (_name, before, after) => {
    const cached = await cachedAfter(desired(before));
    expect(wouldChange(cached, desired(after), manager)).toBe(true);
    const { obj, changed } = await applyIfChanged(client, Widgets, cached, desired(after), { manager });
    expect(changed).toBe(true);
    expect(obj.spec).toEqual(after);
    expect(wouldChange(transform(obj), desired(after), manager)).toBe(false);
  });

  test('when somebody else changed our field', async () => {
    const cached = await cachedAfter(desired({ size: 1 }), (widget) => {
      widget.spec.size = 77;
    });
    const { obj } = await applyIfChanged(client, Widgets, cached, desired({ size: 1 }), { manager });
    expect(obj.spec.size).toBe(1);
  });

  test('when somebody else removed our field', async () => {
    const cached = await cachedAfter(desired({ size: 1, colour: 'red' }), (widget) => {
      delete widget.spec.colour;
    });
    const { obj } = await applyIfChanged(client, Widgets, cached, desired({ size: 1, colour: 'red' }), { manager });
    expect(obj.spec.colour).toBe('red');
  });

  test('when the value is right but not ours yet', async () => {
    api.create(Widgets, aWidget('demo/w', { spec: { size: 1 } }));
    const cached = transform(api.get(Widgets, 'demo/w') as Widget);
    expect(wouldChange(cached, desired({ size: 1 }), manager)).toBe(true);
  });
});

test('status and spec are judged apart', async () => {
  await client.apply(Widgets, desired({ size: 1 }), { manager });
  const status = { metadata: meta('demo/w'), status: { phase: 'Ready', conditions: [{ type: 'A', status: 'True' }] } };
  await client.apply(Widgets, status, { manager, subresource: 'status' });
  const cached = transform(api.get(Widgets, 'demo/w') as Widget);
  expect(wouldChange(cached, { ...status, spec: { size: 99 } }, manager, 'status')).toBe(false);
  expect(wouldChange(cached, { ...status, status: { phase: 'Ready' } }, manager, 'status')).toBe(true);
  expect(wouldChange(cached, desired({ size: 1 }), manager)).toBe(false);
});
