import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { TerminalError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { ApiError } from './apiError.ts';
import type { ControllerOptions, ReconcileContext, ReconcileResult } from './controller.ts';
import { Controller, watching } from './controller.ts';
import type { Pod } from './core.ts';
import { Pods } from './core.ts';
import { Expectations } from './expectations.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { ObjectStore } from './store.ts';
import type { Gadget, Widget } from './testing/builders.ts';
import { aPod, aWidget, Gadgets, Widgets } from './testing/builders.ts';
import { FakeClock, settle } from './testing/fakeClock.ts';
import { quietLog, recordingLog } from './testing/harness.ts';
import { recordDelete, recordWrite } from './writes.ts';

let clock: FakeClock;
let registry: Registry;
let widgets: ObjectStore<Widget>;
let pods: ObjectStore<Pod>;
let gadgets: ObjectStore<Gadget>;
let seen: string[];
let leading: boolean;
let controllers: Controller<Widget>[];

beforeEach(() => {
  clock = new FakeClock();
  registry = new Registry();
  [widgets, pods, gadgets] = [
    new ObjectStore<Widget>(quietLog),
    new ObjectStore<Pod>(quietLog),
    new ObjectStore<Gadget>(quietLog),
  ];
  seen = [];
  leading = true;
  controllers = [];
});

afterEach(async () => {
  for (const controller of controllers) await controller.drain(AbortSignal.abort(new Error('end of test')));
  expect(clock.sleeping).toBe(0);
});

function storeOf(type: ResourceType<KubeObject>): ObjectStore<KubeObject> {
  const stores: Record<string, unknown> = { widgets, pods, gadgets };
  return stores[type.plural] as ObjectStore<KubeObject>;
}

function run(
  reconcile: (key: string, ctx: ReconcileContext) => Promise<ReconcileResult>,
  more: Partial<ControllerOptions<Widget>> = {},
  log: Logger = quietLog,
): Controller<Widget> {
  const controller = new Controller<Widget>(
    { name: 'test', for: Widgets, rbac: [], reconcile, ...more },
    {
      clock,
      log,
      registry,
      expectations: new Expectations(clock, storeOf),
      store: (type) => storeOf(type) as never,
      mayReconcile: () => leading,
    },
  );
  controller.start();
  controllers.push(controller);
  return controller;
}

async function note(key: string): Promise<void> {
  seen.push(key);
}

function widgetAt(key: string, version: string, uid = key): Widget {
  return aWidget(key, { metadata: { uid, resourceVersion: version } });
}

async function metric(text: string): Promise<boolean> {
  return (await registry.metrics()).includes(text);
}

describe('what leads to a key', () => {
  test('objects of its kind: those there already, new ones, changed ones and removed ones', async () => {
    widgets.upsert(widgetAt('demo/old', '1'));
    run(note);
    await settle();
    widgets.upsert(widgetAt('demo/new', '2'));
    await settle();
    widgets.upsert(widgetAt('demo/new', '3'));
    await settle();
    widgets.remove('demo/new');
    await settle();
    expect(seen).toEqual(['demo/old', 'demo/new', 'demo/new', 'demo/new']);
  });

  test('only the changes its predicate lets through', async () => {
    run(note, { forPredicate: (old, now) => old?.spec.size !== now?.spec.size });
    widgets.upsert(widgetAt('demo/a', '1'));
    await settle();
    widgets.upsert(widgetAt('demo/a', '2'));
    await settle();
    expect(seen).toEqual(['demo/a']);
  });

  test('objects that have one of its kind as controller, in the same namespace', async () => {
    run(note, { owns: [Pods] });
    const owner = { apiVersion: 'test.kopr.dev/v1', kind: 'Widget', name: 'w', uid: 'u', controller: true };
    pods.upsert(aPod('demo/mine', { metadata: { ownerReferences: [owner] } }));
    pods.upsert(
      aPod('demo/mere-owner', { metadata: { ownerReferences: [{ ...owner, name: 'no', controller: false }] } }),
    );
    pods.upsert(aPod('demo/other-kind', { metadata: { ownerReferences: [{ ...owner, name: 'no', kind: 'Gadget' }] } }));
    pods.upsert(
      aPod('demo/other-group', { metadata: { ownerReferences: [{ ...owner, name: 'no', apiVersion: 'v1' }] } }),
    );
    pods.upsert(aPod('demo/nobodys'));
    await settle();
    expect(seen).toEqual(['demo/w']);
  });

  test('objects it maps, by their old and their new state', async () => {
    run(note, {
      watches: [watching({ type: Gadgets, map: (gadget: Gadget) => [`demo/${gadget.metadata.labels?.for}`] })],
    });
    gadgets.upsert({ apiVersion: 'test.kopr.dev/v1', kind: 'Gadget', metadata: { name: 'g', labels: { for: 'a' } } });
    await settle();
    gadgets.upsert({ apiVersion: 'test.kopr.dev/v1', kind: 'Gadget', metadata: { name: 'g', labels: { for: 'b' } } });
    await settle();
    expect(seen).toEqual(['demo/a', 'demo/a', 'demo/b']);
  });

  test('a resync, behind what is news', async () => {
    let release: () => void = () => undefined;
    widgets.upsert(widgetAt('demo/a', '1'));
    widgets.upsert(widgetAt('demo/b', '1'));
    const controller = run(async (key) => {
      seen.push(key);
      if (seen.length === 3) await new Promise<void>((resolve) => (release = resolve));
    });
    await settle();
    widgets.upsert(widgetAt('demo/block', '2'));
    await settle();
    controller.resync();
    widgets.upsert(widgetAt('demo/news', '3'));
    release();
    await settle();
    expect(seen).toEqual(['demo/a', 'demo/b', 'demo/block', 'demo/news', 'demo/a', 'demo/b', 'demo/block']);
  });
});

describe('what follows a reconcile', () => {
  test('a wait comes back after its time', async () => {
    run(async (key) => {
      seen.push(key);
      return seen.length === 1 ? { requeueAfterMs: 60_000, reason: 'deadline of the build' } : undefined;
    });
    widgets.upsert(widgetAt('demo/a', '1'));
    await clock.advance(59_999);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    expect(seen).toHaveLength(2);
    expect(await metric('controller_runtime_reconcile_total{controller="test",result="requeue_after"} 1')).toBe(true);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'a wait of %s ms is refused aloud and not turned into a hot loop',
    async (ms) => {
      const { log, records } = recordingLog();
      run(
        async (key) => {
          seen.push(key);
          return { requeueAfterMs: ms, reason: 'a wrong sum' };
        },
        {},
        log,
      );
      widgets.upsert(widgetAt('demo/a', '1'));
      await settle();
      expect(seen).toHaveLength(1);
      expect(records.find((record) => record.level === 50)).toMatchObject({ reason: 'a wrong sum' });
      await clock.advance(4);
      expect(seen).toHaveLength(1);
    },
  );

  test('an error comes back with growing waits until it succeeds', async () => {
    const times: number[] = [];
    run(async () => {
      times.push(clock.monotonic());
      if (times.length < 5) throw new Error('not yet');
    });
    widgets.upsert(widgetAt('demo/a', '1'));
    await clock.advance(1_000);
    expect(times).toEqual([0, 5, 15, 35, 75]);
    expect(await metric('controller_runtime_reconcile_errors_total{controller="test"} 4')).toBe(true);
    expect(await metric('workqueue_retries_total{name="test",controller="test"} 4')).toBe(true);
  });

  test('an error nobody can heal by trying again does not come back', async () => {
    run(async (key) => {
      seen.push(key);
      throw new TerminalError('BadSpec', 'spec.chroots is empty');
    });
    widgets.upsert(widgetAt('demo/a', '1'));
    await clock.advance(3_600_000);
    expect(seen).toHaveLength(1);
    expect(await metric('controller_runtime_terminal_reconcile_errors_total{controller="test"} 1')).toBe(true);
  });

  test('a conflict comes back without being called an error', async () => {
    const { log, records } = recordingLog();
    run(
      async (key) => {
        seen.push(key);
        if (seen.length === 1) {
          throw new ApiError({ status: 409, reason: 'Conflict', message: 'changed', method: 'PATCH', path: '/x' });
        }
      },
      {},
      log,
    );
    widgets.upsert(widgetAt('demo/a', '1'));
    await clock.advance(5);
    expect(seen).toHaveLength(2);
    expect(records.filter((record) => (record.level as number) >= 40)).toEqual([]);
    expect(await metric('controller_runtime_reconcile_total{controller="test",result="requeue"} 1')).toBe(true);
    expect(await metric('controller_runtime_reconcile_errors_total{controller="test"} 0')).toBe(true);
  });

  test('a reconcile that throws before its first await is an error like any other', async () => {
    run((key) => {
      seen.push(key);
      throw new Error('at once');
    });
    widgets.upsert(widgetAt('demo/a', '1'));
    await clock.advance(5);
    expect(seen).toHaveLength(2);
  });
});

describe('workers', () => {
  test('work on several keys at a time, never on one twice', async () => {
    const running = new Set<string>();
    let most = 0;
    const doubled: string[] = [];
    run(
      async (key, ctx) => {
        if (running.has(key)) doubled.push(key);
        running.add(key);
        most = Math.max(most, running.size);
        await ctx.clock.sleep(10);
        running.delete(key);
        seen.push(key);
      },
      { workers: 3 },
    );
    for (let i = 0; i < 6; i++) widgets.upsert(widgetAt(`demo/w${i}`, '1'));
    for (let round = 0; round < 10; round++) {
      await clock.advance(3);
      for (let i = 0; i < 6; i++) widgets.upsert(widgetAt(`demo/w${i}`, String(round + 2)));
    }
    await clock.advance(1_000);
    expect(doubled).toEqual([]);
    expect(most).toBe(3);
    expect(new Set(seen).size).toBe(6);
  });

  test('stop taking keys the moment the lease is in doubt', async () => {
    leading = false;
    run(note);
    widgets.upsert(widgetAt('demo/a', '1'));
    await settle();
    expect(seen).toEqual([]);
    leading = true;
    await clock.advance(1_000);
    expect(seen).toEqual(['demo/a']);
  });
});

describe('deadlines', () => {
  test('a reconcile past its deadline is told to stop, and comes back', async () => {
    const reasons: string[] = [];
    run(
      async (key, ctx) => {
        seen.push(key);
        if (seen.length > 1) return;
        await ctx.clock.sleep(3_600_000, ctx.signal).catch((error: Error) => {
          reasons.push(error.message);
          throw error;
        });
      },
      { deadlineMs: 30_000 },
    );
    widgets.upsert(widgetAt('demo/a', '1'));
    await clock.advance(30_000);
    expect(reasons).toEqual(['reconcile of demo/a by test did not finish within 30 s']);
    await clock.advance(5);
    expect(seen).toHaveLength(2);
  });

  test('one that does not obey keeps its key but not its worker', async () => {
    let release: () => void = () => undefined;
    run(
      async (key) => {
        seen.push(key);
        if (seen.length === 1) await new Promise<void>((resolve) => (release = resolve));
      },
      { deadlineMs: 1_000 },
    );
    widgets.upsert(widgetAt('demo/stuck', '1'));
    await clock.advance(1_000);
    widgets.upsert(widgetAt('demo/stuck', '2'));
    widgets.upsert(widgetAt('demo/other', '1'));
    await clock.advance(1_000);
    expect(seen).toEqual(['demo/stuck', 'demo/other']);
    expect(await metric('controller_runtime_reconcile_timeouts_total{controller="test"} 1')).toBe(true);
    release();
    await clock.advance(1_000);
    expect(seen).toEqual(['demo/stuck', 'demo/other', 'demo/stuck']);
  });
});

describe('its own writes', () => {
  test('are waited for before the key is looked at again', async () => {
    const sizes: (number | undefined)[] = [];
    const controller = run(async () => {
      sizes.push(widgets.get('demo/a')?.spec.size);
      if (sizes.length === 1)
        recordWrite(Widgets, aWidget('demo/a', { metadata: { resourceVersion: '9', uid: 'demo/a' } }));
    });
    widgets.upsert(widgetAt('demo/a', '1'));
    await settle();
    controller.queue.add('demo/a');
    await settle();
    expect(sizes).toEqual([1]);
    widgets.upsert(aWidget('demo/a', { metadata: { resourceVersion: '9', uid: 'demo/a' }, spec: { size: 2 } }));
    widgets.observe('', '9');
    await settle();
    expect(sizes.slice(0, 2)).toEqual([1, 2]);
  });

  test('also when the reconcile failed after writing', async () => {
    run(async (key) => {
      seen.push(key);
      if (seen.length > 1) return;
      recordWrite(Widgets, aWidget('demo/child', { metadata: { resourceVersion: '9', uid: 'c' } }));
      throw new Error('after the write');
    });
    widgets.upsert(widgetAt('demo/a', '1'));
    await clock.advance(100);
    expect(seen).toEqual(['demo/a']);
    widgets.observe('', '9');
    await settle();
    expect(seen).toEqual(['demo/a', 'demo/a']);
  });

  test('deletions too', async () => {
    const controller = run(async (key) => {
      seen.push(key);
      if (seen.length === 1) recordDelete(Pods, 'demo/p', 'p');
    });
    pods.upsert(aPod('demo/p', { metadata: { uid: 'p', resourceVersion: '1' } }));
    widgets.upsert(widgetAt('demo/a', '1'));
    await settle();
    controller.queue.add('demo/a');
    await settle();
    expect(seen).toHaveLength(1);
    pods.remove('demo/p');
    pods.observe('', '2');
    await settle();
    expect(seen).toHaveLength(2);
  });

  test('but not forever: a cache that lags is reported and gone past', async () => {
    const { log, records } = recordingLog();
    const controller = run(
      async (key) => {
        seen.push(key);
        if (seen.length === 1)
          recordWrite(Widgets, aWidget('demo/a', { metadata: { resourceVersion: '9', uid: 'a' } }));
      },
      {},
      log,
    );
    widgets.upsert(widgetAt('demo/a', '1'));
    await settle();
    controller.queue.add('demo/a');
    await clock.advance(4_999);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    expect(seen).toHaveLength(2);
    expect(records.find((record) => record.level === 40)).toMatchObject({ pending: 'widgets.test.kopr.dev demo/a' });
  });
});

describe('draining', () => {
  test('lets what runs end, starts nothing, and tells it to stop when asked', async () => {
    const ended: string[] = [];
    const controller = run(async (key, ctx) => {
      seen.push(key);
      await ctx.clock.sleep(10_000, ctx.signal).catch(() => ended.push('stopped'));
      ended.push(key);
    });
    widgets.upsert(widgetAt('demo/a', '1'));
    widgets.upsert(widgetAt('demo/b', '1'));
    await settle();
    const abort = new AbortController();
    let drained = false;
    const drain = controller.drain(abort.signal).then(() => {
      drained = true;
    });
    widgets.upsert(widgetAt('demo/c', '1'));
    await clock.advance(5_000);
    expect([seen, drained]).toEqual([['demo/a'], false]);
    abort.abort(new Error('time is up'));
    await settle();
    await drain;
    expect(ended).toEqual(['stopped', 'demo/a']);
  });
});
