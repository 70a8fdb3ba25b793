import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { ApiClient } from './client.ts';
import { reflectorMetrics } from './metrics.ts';
import type { ReflectorOptions } from './reflector.ts';
import { Reflector } from './reflector.ts';
import { keyOf } from './resource.ts';
import type { Change } from './store.ts';
import { ObjectStore } from './store.ts';
import type { Widget } from './testing/builders.ts';
import { aWidget, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { startFakeApi } from './testing/fakeApi.ts';
import { FakeClock } from './testing/fakeClock.ts';
import type { WatchBreak } from './testing/faults.ts';
import { eventually, quietLog, recordingLog, testClient } from './testing/harness.ts';
import { createTransform } from './transform.ts';

let api: FakeApi;
let client: ApiClient;
let clock: FakeClock;
let store: ObjectStore<Widget>;
let reflector: Reflector<Widget>;
let registry: Registry;
let changes: string[];

function describeChange({ old, now, initial }: Change<Widget>): string {
  const verb = old && now ? 'changed' : now ? 'added' : 'removed';
  return `${verb} ${keyOf((now ?? old) as Widget)}${initial ? ' (initial)' : ''}`;
}

function follow(more: Partial<ReflectorOptions<Widget>> = {}): void {
  reflector = new Reflector<Widget>({
    type: Widgets,
    client,
    store,
    clock,
    transform: createTransform('kopr'),
    log: quietLog,
    metrics: reflectorMetrics(registry),
    random: () => 0,
    ...more,
  });
  reflector.start();
}

const sizes = (): Record<string, unknown> =>
  Object.fromEntries(store.list().map((widget) => [keyOf(widget), widget.spec.size]));
const lists = (): number => api.requests.filter((request) => request.query.watch === undefined).length;
const watchesAsked = (): number => api.requests.filter((request) => request.query.watch === 'true').length;
const grow = (key: string): void => {
  api.update(Widgets, key, (widget) => {
    widget.spec.size = (widget.spec.size ?? 0) + 1;
  });
};

beforeEach(async () => {
  api = await startFakeApi({ types: [Widgets] });
  clock = new FakeClock();
  registry = new Registry();
  client = testClient(api.url, { clock });
  store = new ObjectStore<Widget>(quietLog);
  changes = [];
  store.subscribe((change) => changes.push(describeChange(change)));
  api.create(Widgets, aWidget('demo/a'));
});

afterEach(async () => {
  await reflector.stop();
  expect(reflector.state).toBe('stopped');
  expect(clock.sleeping).toBe(0);
  await client.close();
  await api.stop();
});

async function watching(): Promise<void> {
  await eventually('the watch', () => reflector.state === 'watching' && api.openWatches > 0);
}

describe('in good weather', () => {
  test('the first list takes the watch cache and the watch goes on from there', async () => {
    follow();
    await watching();
    expect(store.synced).toBe(true);
    expect(changes).toEqual(['added demo/a (initial)']);
    expect(api.requests[0]?.query).toEqual({ resourceVersion: '0', limit: '500' });
    expect(api.requests[1]?.query).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '2',
      timeoutSeconds: '240',
    });
  });

  test('handlers see old and new', async () => {
    follow();
    await watching();
    const seen: [unknown, unknown][] = [];
    store.subscribe(({ old, now, initial }) => {
      if (!initial) seen.push([old?.spec.size, now?.spec.size]);
    });
    api.create(Widgets, aWidget('demo/b'));
    grow('demo/b');
    api.delete(Widgets, 'demo/b');
    await eventually('the removal', () => seen.length === 3);
    expect(seen).toEqual([
      [undefined, 1],
      [1, 2],
      [2, undefined],
    ]);
  });

  test('a bookmark moves the version on, so that the next watch does not start in forgotten history', async () => {
    follow();
    await watching();
    api.storage.skipVersions(1000);
    api.bookmark();
    await eventually('the bookmark', () => store.observedVersion('') === '1002');
    api.storage.compact();
    await clock.advance(2_000);
    api.breakWatches('end');
    await eventually('another watch', () => watchesAsked() === 2);
    expect(api.requests.at(-1)?.query.resourceVersion).toBe('1002');
    expect(lists()).toBe(1);
  });

  test('an orderly end is followed by another watch at once', async () => {
    follow();
    await watching();
    await clock.advance(2_000);
    api.breakWatches('end');
    await eventually('another watch', () => watchesAsked() === 2);
    grow('demo/a');
    await eventually('the change', () => sizes()['demo/a'] === 2);
  });

  test('selectors and namespace reach both list and watch', async () => {
    api.create(Widgets, aWidget('demo/red', { metadata: { labels: { colour: 'red' } } }));
    api.create(Widgets, aWidget('other/red', { metadata: { labels: { colour: 'red' } } }));
    store = new ObjectStore<Widget>(quietLog, ['demo']);
    follow({ namespace: 'demo', labelSelector: 'colour=red', fieldSelector: 'metadata.name!=a' });
    await watching();
    expect(Object.keys(sizes())).toEqual(['demo/red']);
    // An object that no longer matches is gone.
    api.update(Widgets, 'demo/red', (widget) => {
      widget.metadata.labels = {};
    });
    await eventually('the removal', () => store.size === 0);
  });
});

describe('in bad weather', () => {
  test.each<[WatchBreak, number]>([
    ['reset', 800],
    ['half-line', 800],
    ['garbage', 800],
    ['error-504', 800],
  ])('after %s it waits and goes on from the last version without listing', async (how, wait) => {
    follow();
    await watching();
    api.breakWatches(how);
    await eventually('the back-off', () => reflector.state === 'backoff');
    grow('demo/a');
    await clock.advance(wait - 1);
    expect(watchesAsked()).toBe(1);
    await clock.advance(1);
    await eventually('the change', () => sizes()['demo/a'] === 2);
    expect(lists()).toBe(1);
  });

  test('an in-stream 410 is answered by a current list at once, although the server keeps the stream open', async () => {
    follow();
    await watching();
    api.breakWatches('error-410');
    await eventually('another watch', () => watchesAsked() === 2);
    expect(lists()).toBe(2);
    expect(api.requests[2]?.query).toEqual({ limit: '500' });
  });

  test('history that was compacted while the connection was down is made up for by a list', async () => {
    api.create(Widgets, aWidget('demo/b'));
    follow();
    await watching();
    api.breakWatches('reset');
    await eventually('the back-off', () => reflector.state === 'backoff');
    grow('demo/a');
    api.delete(Widgets, 'demo/b');
    api.create(Widgets, aWidget('demo/c'));
    api.storage.compact();
    changes = [];
    await clock.advance(800);
    await eventually('the list', () => sizes()['demo/a'] === 2);
    expect(changes).toEqual(['changed demo/a', 'added demo/c', 'removed demo/b']);
  });

  test('an object that was replaced by a namesake meanwhile is seen going and coming', async () => {
    follow();
    await watching();
    api.breakWatches('reset');
    await eventually('the back-off', () => reflector.state === 'backoff');
    api.delete(Widgets, 'demo/a');
    api.create(Widgets, aWidget('demo/a'));
    api.storage.compact();
    changes = [];
    await clock.advance(800);
    await eventually('the list', () => changes.length > 0);
    expect(changes).toEqual(['removed demo/a', 'added demo/a']);
  });

  test('a relist reads pages', async () => {
    for (let i = 0; i < 1200; i++) api.create(Widgets, aWidget(`demo/w${i}`));
    follow();
    await watching();
    api.breakWatches('error-410');
    await eventually('another watch', () => watchesAsked() === 2);
    expect(api.requests.filter((request) => request.query.limit !== undefined)).toHaveLength(4);
    expect(store.size).toBe(1201);
  });

  test('pages that expire twice are given up for one answer', async () => {
    for (let i = 0; i < 600; i++) api.create(Widgets, aWidget(`demo/w${i}`));
    follow();
    await watching();
    api.fault({ path: /widgets$/, watch: false, times: 2, action: { status: 410, reason: 'Expired' } });
    api.breakWatches('error-410');
    while (watchesAsked() < 2) {
      await eventually('a pause or a watch', () => reflector.state === 'backoff' || watchesAsked() === 2);
      await clock.advance(800);
    }
    expect(api.requests.filter((r) => r.query.watch === undefined).map((r) => r.query.limit)).toEqual([
      '500',
      '500',
      '500',
      '0',
    ]);
  });

  test('versions that go back mean that the server lost its memory: what never was is dropped', async () => {
    const backup = api.storage.snapshot();
    follow();
    await watching();
    api.create(Widgets, aWidget('demo/future'));
    await eventually('the future', () => store.size === 2);
    api.storage.restore(backup);
    api.bookmark();
    await eventually('the truth', () => store.size === 1);
    expect(changes.at(-1)).toBe('removed demo/future');
  });

  test('ninety seconds of silence are a dead connection: another watch is opened at once', async () => {
    follow();
    await watching();
    await clock.advance(60_000);
    api.bookmark();
    await eventually('the bookmark', () => store.observedVersion('') === '2');
    await clock.advance(1);
    api.breakWatches('mute');
    grow('demo/a');
    await clock.advance(89_000);
    expect(watchesAsked()).toBe(1);
    await clock.advance(1_000);
    await eventually('the change', () => sizes()['demo/a'] === 2);
    expect(lists()).toBe(1);
  });

  test('a kind of which nothing is heard for hours is never waited for longer than that', async () => {
    follow({ random: () => 1 });
    for (let i = 1; i <= 10; i++) {
      await eventually('the watch', () => watchesAsked() === i && api.openWatches === 1);
      await clock.advance(90_000);
    }
    await eventually('the next watch', () => watchesAsked() === 11 && api.openWatches === 1);
    expect(reflector.state).toBe('watching');
    grow('demo/a');
    await eventually('the change', () => sizes()['demo/a'] === 2);
    expect(lists()).toBe(1);
  });

  test('a watch that does not open is a failure like others', async () => {
    follow();
    await watching();
    api.fault({ watch: true, action: 'silence' });
    await clock.advance(2_000);
    api.breakWatches('end');
    await eventually('another watch', () => watchesAsked() === 2);
    await clock.advance(90_000);
    await eventually('the back-off', () => reflector.state === 'backoff');
    await clock.advance(800);
    await watching();
  });

  test('a jump of the wall clock is not silence', async () => {
    follow();
    await watching();
    clock.jump(24 * 3_600_000);
    await clock.advance(1_000);
    clock.jump(-48 * 3_600_000);
    await clock.advance(1_000);
    expect(reflector.state).toBe('watching');
    grow('demo/a');
    await eventually('the change', () => sizes()['demo/a'] === 2);
    expect(watchesAsked()).toBe(1);
  });

  test('a server that ends every watch at once is not asked in a tight loop', async () => {
    follow();
    await watching();
    for (let i = 1; i <= 3; i++) {
      api.breakWatches('end');
      await eventually('the back-off', () => reflector.state === 'backoff');
      expect(watchesAsked()).toBe(i);
      await clock.advance(800);
      await watching();
    }
  });

  test('waits grow up to 30 s while the server is away, and a Retry-After is obeyed', async () => {
    api.fault({ times: 100, action: { status: 503 } });
    client = testClient(api.url, { clock, retry: { attempts: 1 } });
    follow({ client, random: () => 1 });
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await eventually('the back-off', () => reflector.state === 'backoff');
      const wait = clock.nextIn ?? 0;
      waits.push(wait);
      await clock.advance(wait);
    }
    expect(waits).toEqual([1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    api.clearFaults();
    api.fault({ action: { status: 429, retryAfterSeconds: 29 } });
    await clock.advance(30_000);
    await eventually('the back-off', () => reflector.state === 'backoff');
    expect(clock.nextIn).toBe(30_000);
    await clock.advance(30_000);
    await watching();
  });

  test('a list that never answers ends after its deadline', async () => {
    api.fault({ action: 'silence' });
    client = testClient(api.url, { clock, retry: { attempts: 1 } });
    follow({ client });
    await eventually('the list', () => lists() === 1);
    await clock.advance(60_000);
    await eventually('the back-off', () => reflector.state === 'backoff');
    await clock.advance(800);
    await watching();
  });

  test('missing permission is said aloud', async () => {
    const { log, records } = recordingLog();
    api.fault({ action: { status: 403, reason: 'Forbidden', message: 'widgets is forbidden' } });
    follow({ log });
    await eventually('the back-off', () => reflector.state === 'backoff');
    expect(records.find((record) => record.level === 40)).toMatchObject({
      resource: 'widgets.test.kopr.dev',
      msg: 'cannot follow the collection',
    });
    await clock.advance(800);
    await watching();
  });

  test('stop ends it in any state', async () => {
    api.fault({ action: 'silence' });
    follow();
    await eventually('the list', () => lists() === 1);
    await reflector.stop();
    expect(reflector.state).toBe('stopped');
  });
});

test('what it does shows in metrics', async () => {
  follow();
  await watching();
  grow('demo/a');
  await eventually('the change', () => sizes()['demo/a'] === 2);
  api.breakWatches('reset');
  await eventually('the back-off', () => reflector.state === 'backoff');
  const text = await registry.metrics();
  expect(text).toContain('reflector_lists_total{name="widgets.test.kopr.dev"} 1');
  expect(text).toContain('reflector_watch_events_total{name="widgets.test.kopr.dev",type="MODIFIED"} 1');
  expect(text).toContain('reflector_failures_total{name="widgets.test.kopr.dev",cause="network"} 1');
  expect(text).toContain('reflector_cached_objects{name="widgets.test.kopr.dev"} 1');
});
