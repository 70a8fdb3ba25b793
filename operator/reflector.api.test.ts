import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { systemClock } from '../lib/clock.ts';
import type { ApiClient } from './client.ts';
import { isConflict } from './client.ts';
import { reflectorMetrics } from './metrics.ts';
import type { ReflectorTiming } from './reflector.ts';
import { Reflector } from './reflector.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { keyOf } from './resource.ts';
import { ObjectStore } from './store.ts';
import type { Widget } from './testing/builders.ts';
import { aWidget, Widgets } from './testing/builders.ts';
import { eventually, quietLog } from './testing/harness.ts';
import { freshNamespace, installTestKinds, realClient } from './testing/realApi.ts';
import { createTransform } from './transform.ts';

let client: ApiClient;
const running: Reflector<never>[] = [];

beforeAll(async () => {
  client = await realClient();
  await installTestKinds(client);
});

afterEach(async () => {
  for (const reflector of running.splice(0)) await reflector.stop();
});

afterAll(() => client.close());

interface Followed<T extends KubeObject> {
  store: ObjectStore<T>;
  reflector: Reflector<T>;
  registry: Registry;
  /** What a follower knows that believes only the changes it is told, and how often one did not fit. */
  told: Map<string, T>;
  misfits: string[];
}

function follow<T extends KubeObject>(
  type: ResourceType<T>,
  namespace: string,
  through: ApiClient,
  timing: Partial<ReflectorTiming> = {},
): Followed<T> {
  const store = new ObjectStore<T>(quietLog, [namespace]);
  const registry = new Registry();
  const reflector = new Reflector<T>({
    type,
    namespace,
    store,
    client: through,
    clock: systemClock,
    log: quietLog,
    metrics: reflectorMetrics(registry),
    random: Math.random,
    transform: createTransform('kopr'),
    timing: { backoffBaseMs: 20, backoffMaxMs: 200, ...timing },
  });
  running.push(reflector as unknown as Reflector<never>);
  const told = new Map<string, T>();
  const misfits: string[] = [];
  store.subscribe(({ old, now }) => {
    const key = keyOf((now ?? old) as T);
    if (told.get(key) !== old) misfits.push(key);
    if (now) told.set(key, now);
    else told.delete(key);
  });
  reflector.start();
  return { store, reflector, registry, told, misfits };
}

const fingerprint = (objects: Iterable<KubeObject>): string[] =>
  [...objects].map((object) => `${keyOf(object)} ${object.metadata.uid} ${object.metadata.resourceVersion}`).sort();

/** The auditor: a current list, compared with the cache once the cache has seen that list's version. */
async function audit<T extends KubeObject>(
  type: ResourceType<T>,
  namespace: string,
  followed: Followed<T>,
): Promise<void> {
  await eventually(
    'agreement of cache and server',
    async () => {
      const { items } = await client.list(type, { namespace });
      return JSON.stringify(fingerprint(items)) === JSON.stringify(fingerprint(followed.store.list()));
    },
    20_000,
  );
  expect(fingerprint(followed.told.values())).toEqual(fingerprint(followed.store.list()));
  expect(followed.misfits).toEqual([]);
}

/** Creates, changes and deletes widgets, without order. */
async function churn(namespace: string, rounds: number, worker: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    const key = `${namespace}/w${worker}-${(i * 7) % 5}`;
    const widget = await client.get(Widgets, key);
    try {
      if (!widget) await client.create(Widgets, aWidget(key, { spec: { size: i } }));
      else if (i % 3 === 0) await client.delete(Widgets, key);
      else await client.apply(Widgets, { metadata: widget.metadata, spec: { size: i } }, { manager: 'kopr-churn' });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

/** A client whose watches are the real server's, cut off by us after some bytes. */
function unreliable(real: ApiClient, cut: () => number | undefined): ApiClient {
  return {
    ...real,
    async stream(request) {
      const response = await real.stream(request);
      const limit = cut();
      if (limit === undefined) return response;
      let seen = 0;
      response.body.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (seen > limit) response.body.destroy(new Error('cut by the test'));
      });
      response.body.pause();
      return response;
    },
  };
}

test('through churn, cache and server agree', async () => {
  const ns = await freshNamespace(client, 'churn');
  const followed = follow(Widgets, ns, client);
  await followed.store.whenSynced();
  for (let round = 0; round < 4; round++) {
    await Promise.all([1, 2, 3, 4].map((worker) => churn(ns, 20, worker)));
    await audit(Widgets, ns, followed);
  }
  const metrics = await followed.registry.metrics();
  expect(metrics).toContain('reflector_lists_total{name="widgets.test.kopr.dev"} 1');
});

test('through churn with connections that break in the middle of events, they agree too, without listing again', async () => {
  const ns = await freshNamespace(client, 'cuts');
  let cuts = 0;
  const followed = follow(
    Widgets,
    ns,
    unreliable(client, () => {
      cuts += 1;
      return cuts > 25 ? undefined : 700 + cuts * 131;
    }),
  );
  await followed.store.whenSynced();
  await Promise.all([1, 2, 3, 4].map((worker) => churn(ns, 60, worker)));
  await audit(Widgets, ns, followed);
  expect(cuts).toBeGreaterThan(3);
  const metrics = await followed.registry.metrics();
  expect(metrics).toContain('reflector_lists_total{name="widgets.test.kopr.dev"} 1');
});

test('a version the server has forgotten makes it answer 410, and the cache list again', async () => {
  const ns = await freshNamespace(client, 'gone');
  await client.create(Widgets, aWidget(`${ns}/w`));
  let watches = 0;
  const forgetful: ApiClient = {
    ...client,
    stream(request) {
      watches += 1;
      // The first watch asks for a time before the kind existed, which its watch cache cannot serve.
      const query = watches === 1 ? { ...request.query, resourceVersion: '1' } : request.query;
      return client.stream({ ...request, ...(query === undefined ? {} : { query }) });
    },
  };
  const followed = follow(Widgets, ns, forgetful);
  await eventually('the second watch', () => watches === 2);
  const metrics = await followed.registry.metrics();
  expect(metrics).toContain('reflector_failures_total{name="widgets.test.kopr.dev",cause="relist"} 1');
  expect(metrics).toContain('reflector_lists_total{name="widgets.test.kopr.dev"} 2');
  await client.create(Widgets, aWidget(`${ns}/later`));
  await audit(Widgets, ns, followed);
});

test('bookmarks keep the version of a quiet kind fresh', async () => {
  const ns = await freshNamespace(client, 'quiet');
  // The server sends one about every minute, and one shortly before it ends a watch: that is what is not waited long for.
  const followed = follow(Widgets, ns, client, { watchMs: 8_000 });
  await followed.store.whenSynced();
  const before = followed.store.observedVersion(ns) ?? '';
  const elsewhere = await freshNamespace(client, 'noise');
  for (let i = 0; i < 3; i++) await client.create(Widgets, aWidget(`${elsewhere}/w${i}`));
  await eventually('a bookmark', () => followed.store.observedVersion(ns) !== before, 20_000);
  expect(followed.store.size).toBe(0);
}, 30_000);

test('a thousand objects are there in one piece, managedFields and all', async () => {
  const ns = await freshNamespace(client, 'many');
  const names = Array.from({ length: 1_000 }, (_, i) => `w${i}`);
  await Promise.all(
    [0, 1, 2, 3, 4, 5, 6, 7].map(async (lane) => {
      for (const [i, name] of names.entries()) {
        if (i % 8 !== lane) continue;
        await client.apply(Widgets, { metadata: { name, namespace: ns }, spec: { size: i } }, { manager: 'kopr-many' });
      }
    }),
  );
  const followed = follow<Widget>(Widgets, ns, client);
  await followed.store.whenSynced();
  await audit(Widgets, ns, followed);
  expect(followed.store.size).toBe(1_000);
  const shapes = new Set(
    followed.store.list().map((widget) => (widget.metadata.managedFields as { fieldsV1: unknown }[])[0]?.fieldsV1),
  );
  expect(shapes.size).toBe(1);
}, 60_000);
