import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { systemClock } from '../lib/clock.ts';
import type { ApiClient } from './client.ts';
import { isAlreadyExists } from './client.ts';
import type { Condition } from './conditions.ts';
import { findCondition, setCondition } from './conditions.ts';
import type { ControllerOptions } from './controller.ts';
import { Events, Leases, Secrets } from './core.ts';
import type { Manager, ManagerOptions } from './manager.ts';
import { createManager } from './manager.ts';
import { ownerReference } from './resource.ts';
import type { Widget } from './testing/builders.ts';
import { aSecret, aWidget, Widgets } from './testing/builders.ts';
import { eventually, quietLog } from './testing/harness.ts';
import { freshNamespace, installTestKinds, realClient } from './testing/realApi.ts';

const FINALIZER = 'test.kopr.dev/secret';
const STAMP = '2026-01-01T00:00:00Z';

let observer: ApiClient;

beforeAll(async () => {
  observer = await realClient();
  await installTestKinds(observer);
});

afterAll(() => observer.close());

interface Running {
  manager: Manager;
  client: ApiClient;
}

async function managerIn(ns: string, more: Partial<ManagerOptions> = {}): Promise<Running> {
  const client = await realClient();
  const manager = createManager({
    client,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    name: 'kopr.dev/test',
    instance: 'test-0',
    scopes: { 'widgets.test.kopr.dev': { namespaces: [ns] }, secrets: { namespaces: [ns] } },
    ...more,
  });
  return { manager, client };
}

/** Each widget gets a Secret of its own and says so in a condition; a finalizer holds it until the Secret is gone. */
function secretFor(manager: Manager, onReconcile: (key: string) => void = () => undefined): ControllerOptions<Widget> {
  const [widgets, secrets] = [manager.store(Widgets), manager.store(Secrets)];
  return {
    name: 'kopr-secret',
    for: Widgets,
    owns: [Secrets],
    workers: 4,
    rbac: [],
    async reconcile(key, ctx) {
      onReconcile(key);
      const widget = widgets.get(key);
      if (!widget) return;
      const finalizers = widget.metadata.finalizers ?? [];
      if (widget.metadata.deletionTimestamp) {
        await manager.client.delete(Secrets, key);
        await manager.client.patchFinalizers(
          Widgets,
          widget,
          finalizers.filter((name) => name !== FINALIZER),
        );
        return;
      }
      if (!finalizers.includes(FINALIZER)) {
        await manager.client.patchFinalizers(Widgets, widget, [...finalizers, FINALIZER]);
        return;
      }
      if (!secrets.get(key)) {
        const metadata = { ...aSecret(key).metadata, ownerReferences: [ownerReference(widget, { controller: true })] };
        await manager.client.create(Secrets, { metadata }).catch((error: unknown) => {
          if (!isAlreadyExists(error)) throw error;
        });
        manager.events.event(widget, 'Normal', 'SecretCreated', `made secret ${key}`);
      }
      const conditions = setCondition(
        (widget.status?.conditions ?? []) as Condition[],
        { type: 'Ready', status: 'True', reason: 'SecretExists', message: `size ${widget.spec.size}` },
        widget.metadata.generation,
        STAMP,
      );
      ctx.log.debug('writing the status');
      await manager.applyStatus(
        Widgets,
        { metadata: widget.metadata, status: { conditions } },
        { manager: 'kopr-secret' },
      );
    },
  };
}

const readyMessage = (widget: Widget | undefined): string | undefined =>
  findCondition(widget?.status?.conditions as Condition[] | undefined, 'Ready')?.message;

test('a controller with children, status, finalizer and events does its work, and rests when there is none', async () => {
  const ns = await freshNamespace(observer, 'work');
  const { manager, client } = await managerIn(ns);
  let reconciles = 0;
  manager.addController(
    secretFor(manager, () => {
      reconciles += 1;
    }),
  );
  await manager.start();
  await observer.create(Widgets, aWidget(`${ns}/w`));
  await eventually('readiness', async () => readyMessage(await observer.get(Widgets, `${ns}/w`)) === 'size 1');
  await observer.mergePatch(Widgets, `${ns}/w`, { spec: { size: 2 } });
  await eventually('the change', async () => readyMessage(await observer.get(Widgets, `${ns}/w`)) === 'size 2');
  await eventually('the event', async () => (await observer.list(Events, { namespace: ns })).items.length === 1);
  const [event] = (await observer.list(Events, { namespace: ns })).items;
  expect(event).toMatchObject({
    reason: 'SecretCreated',
    type: 'Normal',
    note: `made secret ${ns}/w`,
    reportingController: 'kopr.dev/test',
    regarding: { kind: 'Widget', name: 'w' },
  });
  await systemClock.sleep(200);
  const rested = reconciles;
  await systemClock.sleep(500);
  expect(reconciles).toBe(rested);
  // What somebody else destroys is made again.
  await observer.delete(Secrets, `${ns}/w`);
  await eventually('another secret', async () => (await observer.get(Secrets, `${ns}/w`)) !== undefined);
  await observer.delete(Widgets, `${ns}/w`);
  await eventually('the end', async () => (await observer.get(Widgets, `${ns}/w`)) === undefined);
  expect(await observer.get(Secrets, `${ns}/w`)).toBeUndefined();
  await manager.stop();
  await client.close();
});

test('an event that repeats becomes a series on the real server too', async () => {
  const ns = await freshNamespace(observer, 'events');
  const { manager, client } = await managerIn(ns);
  const widget = await observer.create(Widgets, aWidget(`${ns}/w`));
  await manager.start();
  for (let i = 0; i < 7; i++) manager.events.event(widget, 'Warning', 'PullFailed', 'no such image');
  await manager.stop();
  const { items } = await observer.list(Events, { namespace: ns });
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({ reason: 'PullFailed', type: 'Warning', action: 'PullFailed', series: { count: 7 } });
  await client.close();
});

test('one of two managers works; when it stops, the other goes on where it was', async () => {
  const ns = await freshNamespace(observer, 'standby');
  const election = (identity: string): Partial<ManagerOptions> => ({
    leaderElection: {
      namespace: ns,
      name: 'kopr',
      identity,
      onLost: () => undefined,
      leaseMs: 3_000,
      renewDeadlineMs: 2_000,
      retryMs: 200,
    },
  });
  const [first, second] = [await managerIn(ns, election('first')), await managerIn(ns, election('second'))];
  const by: Record<string, string> = {};
  for (const [name, { manager }] of Object.entries({ first, second })) {
    manager.addController(
      secretFor(manager, (key) => {
        by[key] = name;
      }),
    );
  }
  await first.manager.start();
  await first.manager.whenLeading();
  await second.manager.start();
  for (let i = 0; i < 10; i++) await observer.create(Widgets, aWidget(`${ns}/w${i}`));
  await first.manager.stop();
  await eventually(
    'the work of both',
    async () => {
      const { items } = await observer.list(Widgets, { namespace: ns });
      return items.every((widget) => readyMessage(widget) === 'size 1');
    },
    15_000,
  );
  await observer.create(Widgets, aWidget(`${ns}/late`));
  await eventually('the late one', async () => readyMessage(await observer.get(Widgets, `${ns}/late`)) === 'size 1');
  expect(by[`${ns}/late`]).toBe('second');
  expect((await observer.get(Leases, `${ns}/kopr`))?.spec?.holderIdentity).toBe('second');
  await second.manager.stop();
  expect((await observer.get(Leases, `${ns}/kopr`))?.spec?.holderIdentity).toBe('');
  for (const { client } of [first, second]) await client.close();
});

test('from a create to the reconcile that sees it: milliseconds', async () => {
  const ns = await freshNamespace(observer, 'latency');
  const { manager, client } = await managerIn(ns);
  const seen = new Map<string, number>();
  const widgets = manager.store(Widgets);
  manager.addController<Widget>({
    name: 'latency',
    for: Widgets,
    rbac: [],
    async reconcile(key) {
      if (widgets.get(key)) seen.set(key, performance.now());
    },
  });
  await manager.start();
  const waits: number[] = [];
  for (let i = 0; i < 200; i++) {
    const key = `${ns}/w${i}`;
    const sent = performance.now();
    await observer.create(Widgets, aWidget(key));
    await eventually('the reconcile', () => seen.has(key));
    waits.push((seen.get(key) ?? sent) - sent);
  }
  waits.sort((a, b) => a - b);
  const at = (share: number): string => (waits[Math.floor(waits.length * share)] ?? 0).toFixed(1);
  console.info(
    `create sent → reconcile: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ${client.connectionsOpened()} connections`,
  );
  expect(Number(at(0.5))).toBeLessThan(250);
  await manager.stop();
  await client.close();
});
