/** A reflector of Widgets on a fake API server, with a clock that stands still. */
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { ApiClient } from '../client.ts';
import { reflectorMetrics } from '../metrics.ts';
import type { ReflectorOptions } from '../reflector.ts';
import { Reflector } from '../reflector.ts';
import { keyOf } from '../resource.ts';
import type { Change } from '../store.ts';
import { ObjectStore } from '../store.ts';
import { createTransform } from '../transform.ts';
import type { Widget } from './builders.ts';
import { aWidget, Widgets } from './builders.ts';
import type { FakeApi } from './fakeApi.ts';
import { startFakeApi } from './fakeApi.ts';
import { eventually, quietLog, testClient } from './harness.ts';

export class ReflectorRig {
  readonly api: FakeApi;
  readonly clock = new FakeClock();
  readonly registry = new Registry();
  readonly store = new ObjectStore<Widget>(quietLog);
  /** What a subscriber of the store was told. */
  readonly changes: string[] = [];
  private readonly client: ApiClient;
  private reflector: Reflector<Widget> | undefined;

  constructor(api: FakeApi) {
    this.api = api;
    this.client = testClient(api.url, { clock: this.clock });
    this.store.subscribe((change) => this.changes.push(describeChange(change)));
    api.create(Widgets, aWidget('demo/a'));
  }

  /** Starts the reflector. */
  readonly follow = (more: Partial<ReflectorOptions<Widget>> = {}): Reflector<Widget> => {
    this.reflector = new Reflector<Widget>({
      type: Widgets,
      client: this.client,
      store: this.store,
      clock: this.clock,
      transform: createTransform('kopr'),
      log: quietLog,
      metrics: reflectorMetrics(this.registry),
      random: () => 0,
      ...more,
    });
    this.reflector.start();
    return this.reflector;
  };

  readonly watching = (): Promise<void> =>
    eventually('the watch', () => this.reflector?.state === 'watching' && this.api.openWatches > 0);

  readonly backingOff = (): Promise<void> => eventually('the back-off', () => this.reflector?.state === 'backoff');

  /** The `size` of every cached widget by its key. */
  readonly sizes = (): Record<string, unknown> =>
    Object.fromEntries(this.store.list().map((widget) => [keyOf(widget), widget.spec.size]));

  /** Requests for lists, or pages of them, so far. */
  readonly lists = (): number => this.api.requests.filter(({ query }) => query.watch === undefined).length;

  readonly watchesAsked = (): number => this.api.requests.filter(({ query }) => query.watch === 'true').length;

  /** Somebody else makes a widget larger by one. */
  readonly grow = (key: string): void => {
    this.api.update(Widgets, key, (widget) => {
      widget.spec.size = (widget.spec.size ?? 0) + 1;
    });
  };

  async end(): Promise<void> {
    await this.reflector?.stop();
    expect(this.reflector?.state).toBe('stopped');
    expect(this.clock.sleeping).toBe(0);
    await this.client.close();
    await this.api.stop();
  }
}

/** A fresh rig for each test of the file; `take` gets it before the test runs. */
export function useReflectorRig(take: (rig: ReflectorRig) => void): void {
  let rig: ReflectorRig;
  beforeEach(async () => {
    rig = new ReflectorRig(await startFakeApi({ types: [Widgets] }));
    take(rig);
  });
  afterEach(() => rig.end());
}

function describeChange({ old, now, initial }: Change<Widget>): string {
  const verb = old && now ? 'changed' : now ? 'added' : 'removed';
  return `${verb} ${keyOf((now ?? old) as Widget)}${initial ? ' (initial)' : ''}`;
}
