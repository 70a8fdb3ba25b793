import { beforeEach, describe, expect, test } from 'vitest';
import type { FakeClock } from '../lib/testing/fakeClock.ts';
import { settle } from '../lib/testing/fakeClock.ts';
import { watching } from './controller.ts';
import { Pods } from './core.ts';
import type { Gadget } from './testing/builders.ts';
import { aPod, Gadgets } from './testing/builders.ts';
import type { ControllerRig } from './testing/controllerRig.ts';
import { useControllerRig, widgetAt } from './testing/controllerRig.ts';

let clock: FakeClock;
let gadgets: ControllerRig['gadgets'];
let note: ControllerRig['note'];
let pods: ControllerRig['pods'];
let run: ControllerRig['run'];
let seen: string[];
let widgets: ControllerRig['widgets'];
let rig: ControllerRig;

useControllerRig((fresh) => {
  rig = fresh;
  ({ clock, gadgets, note, pods, run, seen, widgets } = fresh);
});

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

  describe('changes that may wait', () => {
    const gadget = (version: string): Gadget =>
      ({ metadata: { name: 'g', namespace: 'demo', uid: 'u', resourceVersion: version } }) as Gadget;
    const paceMs = (_old: Gadget | undefined, now: Gadget | undefined): number => (now === undefined ? 0 : 1_000);
    beforeEach(() => run(note, { watches: [watching({ type: Gadgets, map: () => ['demo/w'], paceMs })] }));

    test('at once when its key was quiet', async () => {
      gadgets.upsert(gadget('1'));
      await settle();
      expect(seen).toEqual(['demo/w']);
      await clock.advance(1_000);
      gadgets.upsert(gadget('2'));
      await settle();
      expect(seen).toEqual(['demo/w', 'demo/w']);
    });

    test('a second after the last reconcile otherwise, as many as there are by then', async () => {
      gadgets.upsert(gadget('1'));
      await clock.advance(600);
      gadgets.upsert(gadget('2'));
      await clock.advance(100);
      gadgets.upsert(gadget('3'));
      await clock.advance(299);
      expect(seen).toEqual(['demo/w']);
      await clock.advance(1);
      expect(seen).toEqual(['demo/w', 'demo/w']);
      await clock.advance(5_000);
      expect(seen).toEqual(['demo/w', 'demo/w']);
    });

    test('with one that may not', async () => {
      gadgets.upsert(gadget('1'));
      await settle();
      gadgets.upsert(gadget('2'));
      gadgets.remove('demo/g');
      await settle();
      expect(seen).toEqual(['demo/w', 'demo/w']);
      await clock.advance(1_000);
    });
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
    rig.leading = false;
    run(note);
    widgets.upsert(widgetAt('demo/a', '1'));
    await settle();
    expect(seen).toEqual([]);
    rig.leading = true;
    await clock.advance(1_000);
    expect(seen).toEqual(['demo/a']);
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
