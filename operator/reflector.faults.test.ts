import { afterEach, describe, expect, test } from 'vitest';
import type { FakeClock } from '../lib/testing/fakeClock.ts';
import type { ApiClient } from './client.ts';
import { aWidget, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import type { WatchBreak } from './testing/faults.ts';
import { eventually, recordingLog, testClient } from './testing/harness.ts';
import type { ReflectorRig } from './testing/reflectorRig.ts';
import { useReflectorRig } from './testing/reflectorRig.ts';

let api: FakeApi;
let backingOff: ReflectorRig['backingOff'];
let changes: string[];
let clock: FakeClock;
let follow: ReflectorRig['follow'];
let grow: ReflectorRig['grow'];
let lists: ReflectorRig['lists'];
let sizes: ReflectorRig['sizes'];
let store: ReflectorRig['store'];
let watchesAsked: ReflectorRig['watchesAsked'];
let watching: ReflectorRig['watching'];

useReflectorRig((fresh) => {
  ({ api, backingOff, changes, clock, follow, grow, lists, sizes, store, watchesAsked, watching } = fresh);
});

const clients: ApiClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

/** A client that repeats nothing by itself. */
function oneAttempt(): ApiClient {
  const client = testClient(api.url, { clock, retry: { attempts: 1 } });
  clients.push(client);
  return client;
}

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
    await backingOff();
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
    await backingOff();
    grow('demo/a');
    api.delete(Widgets, 'demo/b');
    api.create(Widgets, aWidget('demo/c'));
    api.storage.compact();
    changes.splice(0);
    await clock.advance(800);
    await eventually('the list', () => sizes()['demo/a'] === 2);
    expect(changes).toEqual(['changed demo/a', 'added demo/c', 'removed demo/b']);
  });

  test('an object that was replaced by a namesake meanwhile is seen going and coming', async () => {
    follow();
    await watching();
    api.breakWatches('reset');
    await backingOff();
    api.delete(Widgets, 'demo/a');
    api.create(Widgets, aWidget('demo/a'));
    api.storage.compact();
    changes.splice(0);
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
    const reflector = follow();
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
    const reflector = follow({ random: () => 1 });
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
    await backingOff();
    await clock.advance(800);
    await watching();
  });

  test('a jump of the wall clock is not silence', async () => {
    const reflector = follow();
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
      await backingOff();
      expect(watchesAsked()).toBe(i);
      await clock.advance(800);
      await watching();
    }
  });

  test('waits grow up to 30 s while the server is away, and a Retry-After is obeyed', async () => {
    api.fault({ times: 100, action: { status: 503 } });
    follow({ client: oneAttempt(), random: () => 1 });
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await backingOff();
      const wait = clock.nextIn ?? 0;
      waits.push(wait);
      await clock.advance(wait);
    }
    expect(waits).toEqual([1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    api.clearFaults();
    api.fault({ action: { status: 429, retryAfterSeconds: 29 } });
    await clock.advance(30_000);
    await backingOff();
    expect(clock.nextIn).toBe(30_000);
    await clock.advance(30_000);
    await watching();
  });

  test('a list that never answers ends after its deadline', async () => {
    api.fault({ action: 'silence' });
    follow({ client: oneAttempt() });
    await eventually('the list', () => lists() === 1);
    await clock.advance(60_000);
    await backingOff();
    await clock.advance(800);
    await watching();
  });

  test('missing permission is said aloud', async () => {
    const { log, records } = recordingLog();
    api.fault({ action: { status: 403, reason: 'Forbidden', message: 'widgets is forbidden' } });
    follow({ log });
    await backingOff();
    expect(records.find((record) => record.level === 40)).toMatchObject({
      resource: 'widgets.test.kopr.dev',
      msg: 'cannot follow the collection',
    });
    await clock.advance(800);
    await watching();
  });

  test('stop ends it in any state', async () => {
    api.fault({ action: 'silence' });
    const reflector = follow();
    await eventually('the list', () => lists() === 1);
    await reflector.stop();
    expect(reflector.state).toBe('stopped');
  });
});
