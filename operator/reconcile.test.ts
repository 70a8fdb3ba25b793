import { describe, expect, test } from 'vitest';

import { TerminalError } from '../lib/errors.ts';
import type { FakeClock } from '../lib/testing/fakeClock.ts';
import { settle } from '../lib/testing/fakeClock.ts';
import { ApiError } from './apiError.ts';
import { Pods } from './core.ts';
import { aPod, aWidget, Widgets } from './testing/builders.ts';
import type { ControllerRig } from './testing/controllerRig.ts';
import { useControllerRig, widgetAt } from './testing/controllerRig.ts';
import { recordingLog } from './testing/harness.ts';
import { recordDelete, recordWrite } from './writes.ts';

let clock: FakeClock;
let metric: ControllerRig['metric'];
let pods: ControllerRig['pods'];
let run: ControllerRig['run'];
let seen: string[];
let widgets: ControllerRig['widgets'];

useControllerRig((fresh) => {
  ({ clock, metric, pods, run, seen, widgets } = fresh);
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
