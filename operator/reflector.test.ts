import type { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import type { FakeClock } from '../lib/testing/fakeClock.ts';
import { keyOf } from './resource.ts';
import { ObjectStore } from './store.ts';
import type { Widget } from './testing/builders.ts';
import { aWidget, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { eventually, quietLog } from './testing/harness.ts';
import type { ReflectorRig } from './testing/reflectorRig.ts';
import { useReflectorRig } from './testing/reflectorRig.ts';

let api: FakeApi;
let backingOff: ReflectorRig['backingOff'];
let changes: string[];
let clock: FakeClock;
let follow: ReflectorRig['follow'];
let grow: ReflectorRig['grow'];
let lists: ReflectorRig['lists'];
let registry: Registry;
let sizes: ReflectorRig['sizes'];
let store: ReflectorRig['store'];
let watchesAsked: ReflectorRig['watchesAsked'];
let watching: ReflectorRig['watching'];

useReflectorRig((fresh) => {
  ({ api, backingOff, changes, clock, follow, grow, lists, registry, sizes, store, watchesAsked, watching } = fresh);
});

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
    const scoped = new ObjectStore<Widget>(quietLog, ['demo']);
    follow({ store: scoped, namespace: 'demo', labelSelector: 'colour=red', fieldSelector: 'metadata.name!=a' });
    await watching();
    expect(scoped.list().map(keyOf)).toEqual(['demo/red']);
    // An object that no longer matches is gone.
    api.update(Widgets, 'demo/red', (widget) => {
      widget.metadata.labels = {};
    });
    await eventually('the removal', () => scoped.size === 0);
  });
});

test('what it does shows in metrics', async () => {
  follow();
  await watching();
  grow('demo/a');
  await eventually('the change', () => sizes()['demo/a'] === 2);
  api.breakWatches('reset');
  await backingOff();
  const text = await registry.metrics();
  expect(text).toContain('reflector_lists_total{name="widgets.test.kopr.dev"} 1');
  expect(text).toContain('reflector_watch_events_total{name="widgets.test.kopr.dev",type="MODIFIED"} 1');
  expect(text).toContain('reflector_failures_total{name="widgets.test.kopr.dev",cause="network"} 1');
  expect(text).toContain('reflector_cached_objects{name="widgets.test.kopr.dev"} 1');
});
