/** One controller of Widgets on caches that the test fills by hand, and a clock that stands still. */
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect } from 'vitest';

import type { Logger } from '../../lib/log.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { ControllerOptions, ReconcileContext, ReconcileResult } from '../controller.ts';
import { Controller } from '../controller.ts';
import type { Pod } from '../core.ts';
import { Expectations } from '../expectations.ts';
import type { KubeObject, ResourceType } from '../resource.ts';
import { ObjectStore } from '../store.ts';
import type { Gadget, Widget } from './builders.ts';
import { aWidget, Widgets } from './builders.ts';
import { quietLog } from './harness.ts';

export class ControllerRig {
  clock = new FakeClock();
  widgets = new ObjectStore<Widget>(quietLog);
  pods = new ObjectStore<Pod>(quietLog);
  gadgets = new ObjectStore<Gadget>(quietLog);
  /** Keys in the order of their reconciles, as far as the test notes them. */
  seen: string[] = [];
  leading = true;
  private registry = new Registry();
  private controllers: Controller<Widget>[] = [];

  readonly run = (
    reconcile: (key: string, ctx: ReconcileContext) => Promise<ReconcileResult>,
    more: Partial<ControllerOptions<Widget>> = {},
    log: Logger = quietLog,
  ): Controller<Widget> => {
    const controller = new Controller<Widget>(
      { name: 'test', for: Widgets, rbac: [], reconcile, ...more },
      {
        clock: this.clock,
        log,
        registry: this.registry,
        expectations: new Expectations(this.clock, (type) => this.storeOf(type)),
        store: (type) => this.storeOf(type) as never,
        mayReconcile: () => this.leading,
      },
    );
    controller.start();
    this.controllers.push(controller);
    return controller;
  };

  /** A reconcile that does nothing else. */
  readonly note = async (key: string): Promise<void> => {
    this.seen.push(key);
  };

  /** Whether the metrics contain that text. */
  readonly metric = async (text: string): Promise<boolean> => (await this.registry.metrics()).includes(text);

  async end(): Promise<void> {
    for (const controller of this.controllers) await controller.drain(AbortSignal.abort(new Error('end of test')));
    expect(this.clock.sleeping).toBe(0);
  }

  private storeOf(type: ResourceType<KubeObject>): ObjectStore<KubeObject> {
    const stores: Record<string, unknown> = { widgets: this.widgets, pods: this.pods, gadgets: this.gadgets };
    return stores[type.plural] as ObjectStore<KubeObject>;
  }
}

/** A fresh rig for each test of the file; `take` gets it before the test runs. */
export function useControllerRig(take: (rig: ControllerRig) => void): void {
  let rig: ControllerRig;
  beforeEach(() => {
    rig = new ControllerRig();
    take(rig);
  });
  afterEach(() => rig.end());
}

export function widgetAt(key: string, version: string, uid = key): Widget {
  return aWidget(key, { metadata: { uid, resourceVersion: version } });
}
