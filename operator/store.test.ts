import { beforeEach, describe, expect, test } from 'vitest';

import { keyOf } from './resource.ts';
import { covers, ObjectStore } from './store.ts';
import type { Widget } from './testing/builders.ts';
import { aWidget } from './testing/builders.ts';
import { quietLog, recordingLog } from './testing/harness.ts';
import { compareVersions } from './version.ts';

function at(key: string, version: string, size = 1, uid = key): Widget {
  return aWidget(key, { metadata: { uid, resourceVersion: version }, spec: { size } });
}

let store: ObjectStore<Widget>;
let heard: string[];

beforeEach(() => {
  store = new ObjectStore<Widget>(quietLog);
  heard = [];
  store.subscribe(({ old, now, initial }) => {
    heard.push(
      `${old?.metadata.resourceVersion ?? '-'}→${now?.metadata.resourceVersion ?? '-'}${initial ? ' initial' : ''}`,
    );
  });
});

const names = (widgets: Widget[]): string[] => widgets.map(keyOf).sort();

describe('reading', () => {
  test('lists all, or one namespace', () => {
    for (const key of ['a/1', 'a/2', 'b/1']) store.upsert(at(key, '1'));
    expect(names(store.list())).toEqual(['a/1', 'a/2', 'b/1']);
    expect(names(store.list('a'))).toEqual(['a/1', 'a/2']);
    expect(store.list('none')).toEqual([]);
    store.remove('a/1');
    expect(names(store.list('a'))).toEqual(['a/2']);
    expect(store.size).toBe(2);
  });

  test('an index follows changes and removals, also when added late', () => {
    store.upsert(at('a/1', '1', 7));
    store.addIndex('size', (widget) => [String(widget.spec.size), 'any']);
    store.upsert(at('a/2', '2', 7));
    expect(names(store.byIndex('size', '7'))).toEqual(['a/1', 'a/2']);
    store.upsert(at('a/1', '3', 8));
    expect(names(store.byIndex('size', '7'))).toEqual(['a/2']);
    expect(names(store.byIndex('size', '8'))).toEqual(['a/1']);
    store.remove('a/1');
    expect(store.byIndex('size', '8')).toEqual([]);
    expect(names(store.byIndex('size', 'any'))).toEqual(['a/2']);
  });

  test('an index nobody added is an error, not an empty answer', () => {
    expect(() => store.byIndex('nope', 'x')).toThrow('there is no index "nope"');
    store.addIndex('size', () => []);
    expect(() => store.addIndex('size', () => [])).toThrow('exists already');
  });
});

describe('changes', () => {
  test('a list tells only what differs, and its first time is initial', async () => {
    await store.replace([at('a/1', '1'), at('a/2', '2')], '');
    store.observe('', '2');
    await store.replace([at('a/1', '1'), at('a/3', '4'), at('a/2', '3')], '');
    await store.replace([at('a/3', '4')], '');
    expect(heard).toEqual(['-→1 initial', '-→2 initial', '-→4', '2→3', '1→-', '3→-']);
  });

  test('the same name with another uid is one object going and another coming', () => {
    store.upsert(at('a/1', '1', 1, 'first'));
    store.upsert(at('a/1', '5', 1, 'second'));
    expect(heard).toEqual(['-→1', '1→-', '-→5']);
  });

  test('who subscribes late hears what is there as initial', () => {
    store.upsert(at('a/1', '1'));
    const late: boolean[] = [];
    const end = store.subscribe(({ initial }) => late.push(initial));
    store.upsert(at('a/1', '2'));
    end();
    store.upsert(at('a/1', '3'));
    expect(late).toEqual([true, false]);
  });

  test('a handler that throws harms nobody else', () => {
    const { log, records } = recordingLog();
    const own = new ObjectStore<Widget>(log);
    own.subscribe(() => {
      throw new Error('broken handler');
    });
    let others = 0;
    own.subscribe(() => {
      others += 1;
    });
    own.upsert(at('a/1', '1'));
    expect(others).toBe(1);
    expect(records[0]).toMatchObject({ level: 50, msg: 'a cache handler threw', kind: 'Widget' });
  });
});

describe('scopes', () => {
  test('a store of several namespaces is synced when each is, and each list touches its own only', async () => {
    const scoped = new ObjectStore<Widget>(quietLog, ['a', 'b']);
    await scoped.replace([at('a/1', '1')], 'a');
    scoped.observe('a', '10');
    expect(scoped.synced).toBe(false);
    await scoped.replace([at('b/1', '1')], 'b');
    scoped.observe('b', '20');
    await scoped.whenSynced();
    await scoped.replace([], 'a');
    expect(names(scoped.list())).toEqual(['b/1']);
    expect([scoped.observedVersion('a'), scoped.observedVersion('b'), scoped.observedVersion('c')]).toEqual([
      '10',
      '20',
      undefined,
    ]);
  });
});

describe('waiting', () => {
  test('until resolves when a version has been seen', async () => {
    const stop = new AbortController();
    const seen = store.until(() => covers(store.observedVersion(''), '10'), stop.signal);
    store.observe('', '9');
    store.observe('', '10');
    expect(await seen).toBe(true);
  });

  test('until resolves false when its signal ends the wait', async () => {
    const stop = new AbortController();
    const seen = store.until(() => false, stop.signal);
    stop.abort();
    expect(await seen).toBe(false);
    expect(await store.until(() => false, stop.signal)).toBe(false);
    expect(await store.until(() => true, stop.signal)).toBe(true);
  });
});

test.each([
  ['9', '10', -1],
  ['10', '9', 1],
  ['7', '7', 0],
  ['18446744073709551614', '18446744073709551615', -1],
])('version %s against %s', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
});
