/** Managers on one fake API server, in real time. */
import { Registry } from 'prom-client';
import { afterEach, beforeEach } from 'vitest';

import { systemClock } from '../../lib/clock.ts';
import type { ApiClient } from '../client.ts';
import type { ControllerOptions } from '../controller.ts';
import { Events, Leases, Pods } from '../core.ts';
import type { Manager, ManagerOptions } from '../manager.ts';
import { createManager } from '../manager.ts';
import type { Widget } from './builders.ts';
import { Widgets } from './builders.ts';
import type { FakeApi } from './fakeApi.ts';
import { startFakeApi } from './fakeApi.ts';
import { quietLog, testClient } from './harness.ts';

export class ManagerRig {
  readonly api: FakeApi;
  /** What happened, as far as the test (or `sizing`) notes it. */
  readonly order: string[] = [];
  private readonly managers: Manager[] = [];
  private readonly clients: ApiClient[] = [];

  constructor(api: FakeApi) {
    this.api = api;
  }

  readonly manager = (more: Partial<ManagerOptions> = {}): Manager => {
    const client = testClient(this.api.url);
    const created = createManager({
      client,
      clock: systemClock,
      log: quietLog,
      registry: new Registry(),
      name: 'kopr.dev/test',
      instance: 'test-0',
      metricsHost: '127.0.0.1',
      ...more,
    });
    this.clients.push(client);
    this.managers.push(created);
    return created;
  };

  /** A controller that gives every widget a status that says its size. */
  readonly sizing = (on: Manager, tag: string): ControllerOptions<Widget> => {
    const widgets = on.store(Widgets);
    return {
      name: `sizing-${tag}`,
      for: Widgets,
      rbac: [],
      reconcile: async (key) => {
        const widget = widgets.get(key);
        if (!widget) return;
        this.order.push(`${tag} ${key}`);
        const status = { phase: `size ${widget.spec.size}` };
        await on.applyStatus(Widgets, { metadata: widget.metadata, status }, { manager: 'kopr-sizing' });
      },
    };
  };

  async end(): Promise<void> {
    for (const manager of this.managers) await manager.stop();
    for (const client of this.clients) await client.close();
    await this.api.stop();
  }
}

/** A fresh rig for each test of the file; `take` gets it before the test runs. */
export function useManagerRig(take: (rig: ManagerRig) => void): void {
  let rig: ManagerRig;
  beforeEach(async () => {
    rig = new ManagerRig(await startFakeApi({ types: [Widgets, Pods, Leases, Events] }));
    take(rig);
  });
  afterEach(() => rig.end());
}
