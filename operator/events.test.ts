import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../lib/testing/fakeClock.ts';
import type { ApiClient } from './client.ts';
import type { KubeEvent } from './core.ts';
import { Events } from './core.ts';
import { ApiEventRecorder } from './events.ts';
import { aWidget, Gadgets, Widgets } from './testing/builders.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { startFakeApi } from './testing/fakeApi.ts';
import { eventually, quietLog, testClient } from './testing/harness.ts';
import { TokenBuckets } from './tokenBucket.ts';

let api: FakeApi;
let client: ApiClient;
let clock: FakeClock;
let registry: Registry;
let recorder: ApiEventRecorder;

const widget = aWidget('demo/w', { metadata: { uid: 'uid-1', resourceVersion: '7' } });

beforeEach(async () => {
  api = await startFakeApi({ types: [Events, Widgets, Gadgets] });
  clock = new FakeClock();
  registry = new Registry();
  client = testClient(api.url, { retry: { attempts: 1 } });
  recorder = new ApiEventRecorder({
    client,
    clock,
    log: quietLog,
    registry,
    controller: 'kopr.dev/operator',
    instance: 'kopr-operator-0',
  });
});

afterEach(async () => {
  await client.close();
  await api.stop();
});

const events = (): KubeEvent[] => api.list(Events);
const dropped = async (cause: string): Promise<number> => {
  const metric = await registry.getSingleMetric('kopr_events_dropped_total')?.get();
  return metric?.values.find((value) => value.labels.cause === cause)?.value ?? 0;
};

test('an event says who saw what about which object', async () => {
  recorder.event(widget, 'Normal', 'BuildStarted', 'builder b-1 started', {
    action: 'Dispatch',
    related: aWidget('demo/b-1'),
  });
  await recorder.flush();
  expect(events()).toHaveLength(1);
  expect(events()[0]).toMatchObject({
    metadata: { namespace: 'demo', name: expect.stringMatching(/^w\.[0-9a-f]+$/) },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'kopr.dev/operator',
    reportingInstance: 'kopr-operator-0',
    type: 'Normal',
    reason: 'BuildStarted',
    action: 'Dispatch',
    note: 'builder b-1 started',
    regarding: {
      kind: 'Widget',
      apiVersion: 'test.kopr.dev/v1',
      namespace: 'demo',
      name: 'w',
      uid: 'uid-1',
      resourceVersion: '7',
    },
    related: { kind: 'Widget', name: 'b-1' },
  });
});

test('events of cluster-scoped objects live in the default namespace', async () => {
  recorder.event(
    { apiVersion: 'test.kopr.dev/v1', kind: 'Gadget', metadata: { name: 'g', uid: 'u' } },
    'Warning',
    'Odd',
    'odd',
  );
  await recorder.flush();
  expect(events()[0]?.metadata.namespace).toBe('default');
});

test.each([
  ['ASCII', 'x'.repeat(5_000), `${'x'.repeat(1_021)}…`],
  ['two bytes a letter', 'ä'.repeat(600), `${'ä'.repeat(510)}…`],
  ['four bytes a letter, from an odd offset', `a${'🏗'.repeat(300)}`, `a${'🏗'.repeat(255)}…`],
  ['just what fits', 'ä'.repeat(512), 'ä'.repeat(512)],
])('a long message is cut to the 1024 bytes that the server takes: %s', async (_, message, note) => {
  recorder.event(widget, 'Normal', 'Long', message);
  await recorder.flush();
  expect(events()[0]?.note).toBe(note);
  expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1_024);
});

describe('repetition', () => {
  test('becomes a series on one event, written at once for the second time and then every 30 s at most', async () => {
    for (let i = 0; i < 5; i++) recorder.event(widget, 'Warning', 'PullFailed', 'no such image');
    await eventually('the series', () => api.requests.length === 2);
    await clock.advance(1_000);
    expect(api.requests.map((request) => request.method)).toEqual(['POST', 'PATCH']);
    expect(events()[0]?.series?.count).toBe(2);
    await clock.advance(30_000);
    recorder.event(widget, 'Warning', 'PullFailed', 'no such image');
    await recorder.flush();
    expect(events()).toHaveLength(1);
    expect(events()[0]?.series).toEqual({ count: 6, lastObservedTime: '2026-01-01T00:00:31.000000Z' });
    expect(api.requests).toHaveLength(3);
  });

  test('the end of the process writes the counts that were held back', async () => {
    for (let i = 0; i < 5; i++) recorder.event(widget, 'Warning', 'PullFailed', 'no such image');
    await recorder.flush();
    expect(events()[0]?.series?.count).toBe(5);
  });

  test('after six quiet minutes it is a new event', async () => {
    recorder.event(widget, 'Warning', 'PullFailed', 'no such image');
    await clock.advance(6 * 60_000);
    recorder.event(widget, 'Warning', 'PullFailed', 'no such image');
    await recorder.flush();
    expect(events()).toHaveLength(2);
  });

  test('is about one object: another with the same message has its own', async () => {
    recorder.event(widget, 'Normal', 'Done', 'done');
    recorder.event(aWidget('demo/v', { metadata: { uid: 'uid-2' } }), 'Normal', 'Done', 'done');
    await recorder.flush();
    expect(events()).toHaveLength(2);
  });
});

describe('restraint', () => {
  test('an object gets 25 different events at once and one more in five minutes; the rest is counted', async () => {
    for (let i = 0; i < 40; i++) recorder.event(widget, 'Normal', 'Noise', `number ${i}`);
    await recorder.flush();
    expect(events()).toHaveLength(25);
    expect(await dropped('throttled')).toBe(15);
    await clock.advance(300_000);
    recorder.event(widget, 'Normal', 'Noise', 'later');
    recorder.event(widget, 'Normal', 'Noise', 'latest');
    await recorder.flush();
    expect(events()).toHaveLength(26);
  });

  test('an event the server refuses is forgotten, and the next one still sent', async () => {
    api.fault({ method: 'POST', action: { status: 403, message: 'namespace is being terminated' } });
    recorder.event(widget, 'Normal', 'One', 'one');
    recorder.event(widget, 'Normal', 'Two', 'two');
    await recorder.flush();
    expect(events().map((event) => event.reason)).toEqual(['Two']);
    expect(await dropped('refused')).toBe(1);
  });

  test('a server that does not answer fills a bounded queue', async () => {
    api.fault({ times: 1, action: 'silence' });
    for (let i = 0; i < 1_200; i++) {
      recorder.event(aWidget(`demo/w${i}`, { metadata: { uid: `u${i}` } }), 'Normal', 'Noise', 'noise');
    }
    expect(await dropped('queue full')).toBe(199);
  });
});

test('a token bucket refills with time, up to its burst, and forgets the longest unused', async () => {
  const buckets = new TokenBuckets(clock, { burst: 2, refillMs: 1_000, maxKeys: 2 });
  expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([true, true, false]);
  await clock.advance(1_000);
  expect([buckets.take('a'), buckets.take('a')]).toEqual([true, false]);
  await clock.advance(60_000);
  expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([true, true, false]);
  buckets.take('b');
  buckets.take('c');
  expect(buckets.take('a')).toBe(true);
});
