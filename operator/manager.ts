/**
 * Puts the parts together and fixes their order.
 * Start: health server → caches → (synced) → election → controllers, on the leader only; the others keep warm caches.
 * Stop: not ready → no new work → drain, at most 25 s → events → lease → caches → health server.
 */
import type { Registry } from 'prom-client';

import type { Clock } from '../lib/clock.ts';
import { atMost } from '../lib/deadline.ts';
import type { HealthServer } from '../lib/http/health-server.ts';
import { startHealthServer } from '../lib/http/health-server.ts';
import type { Logger } from '../lib/log.ts';
import type { ApplyResult } from './apply.ts';
import { applyIfChanged } from './apply.ts';
import { Caches } from './caches.ts';
import type { ApiClient, ApplyOptions, Desired } from './client.ts';
import type { ControllerOptions } from './controller.ts';
import { Controller } from './controller.ts';
import { drain } from './drain.ts';
import type { EventRecorder } from './events.ts';
import { ApiEventRecorder } from './events.ts';
import { Expectations } from './expectations.ts';
import { fence } from './fence.ts';
import type { CacheScope } from './informer.ts';
import type { LeaderElectionOptions } from './leader.ts';
import { LeaderElector } from './leader.ts';
import { gauge, reflectorMetrics } from './metrics.ts';
import type { ReflectorTiming } from './reflector.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { keyOf } from './resource.ts';
import type { Store } from './store.ts';
import { createTransform } from './transform.ts';

export interface ManagerOptions {
  client: ApiClient;
  clock: Clock;
  log: Logger;
  registry: Registry;
  /** Such as kopr.dev/operator: the reporter of events. */
  name: string;
  /** This process, such as the pod's name. */
  instance: string;
  /** Without it this process always leads. */
  leaderElection?: LeaderElectionOptions;
  /** What is cached of a kind, by "plural.group" ("pods", "builds.kopr.dev"). Default: everything. */
  scopes?: Record<string, CacheScope>;
  /** Port of /healthz, /readyz and /metrics; 0 takes a free one; absent: no server. */
  metricsPort?: number;
  /** File with the bearer token that /metrics asks for; absent: there is no /metrics. */
  metricsTokenFile?: string | undefined;
  metricsHost?: string;
  /** Field managers with this prefix are ours. Default "kopr". */
  fieldManagerPrefix?: string;
  /** How long the first lists may take before start() fails. Default 2 min. */
  syncTimeoutMs?: number;
  /** How long running reconciles may go on after stop(). Default 25 s. */
  drainMs?: number;
  /** Every key is looked at again after this long, as a last resort. Default 10 h. */
  resyncMs?: number;
  random?: () => number;
  reflectorTiming?: Partial<ReflectorTiming>;
}

export interface Manager {
  /** The cache of a kind; asking for it starts it with the manager. */
  store<T extends KubeObject>(type: ResourceType<T>): Store<T>;
  addIndex<T extends KubeObject>(type: ResourceType<T>, name: string, valuesOf: (obj: T) => string[]): void;
  addController<T extends KubeObject>(options: ControllerOptions<T>): void;
  /** With leader election, its writes fail on a process that is not (or may no longer be) the leader. */
  readonly client: ApiClient;
  readonly events: EventRecorder;
  /** Applies `desired` unless the cache shows that it would change nothing. The kind's cache must be in use. */
  applyIfChanged<T extends KubeObject>(
    type: ResourceType<T>,
    desired: Desired<T>,
    options: ApplyOptions,
  ): Promise<ApplyResult<T>>;
  /** The same for the status alone; whatever else `desired` holds is not sent. */
  applyStatus<T extends KubeObject>(
    type: ResourceType<T>,
    desired: Desired<T>,
    options: Omit<ApplyOptions, 'subresource'>,
  ): Promise<ApplyResult<T>>;
  readonly expectations: Expectations;
  /** Resolves when the caches are synced and the election is under way; controllers start when this process leads. */
  start(): Promise<void>;
  stop(): Promise<void>;
  whenLeading(): Promise<void>;
  isLeading(): boolean;
  /** Port of the health server, once started. */
  readonly metricsPort: number | undefined;
}

const DEFAULT_SYNC_MS = 120_000;
const DEFAULT_DRAIN_MS = 25_000;
const DEFAULT_RESYNC_MS = 10 * 3_600_000;
const FLUSH_MS = 3_000;

export function createManager(options: ManagerOptions): Manager {
  const { client, clock, log, registry } = options;
  const random = options.random ?? Math.random;
  const controllers: { start(): void; resync(): void; drain(abort: AbortSignal): Promise<void> }[] = [];
  const stopping = new AbortController();
  const caches = new Caches(
    {
      client,
      clock,
      log,
      random,
      metrics: reflectorMetrics(registry),
      transform: createTransform(options.fieldManagerPrefix ?? 'kopr'),
      ...(options.reflectorTiming === undefined ? {} : { timing: options.reflectorTiming }),
    },
    options.scopes,
  );
  const events = new ApiEventRecorder({
    client,
    clock,
    log,
    registry,
    controller: options.name,
    instance: options.instance,
  });
  const expectations = new Expectations(clock, (type, namespace) => caches.whole(type, namespace));
  const masterStatus = gauge(registry, 'leader_election_master_status', 'Whether this process leads', ['name']);
  const elector = options.leaderElection
    ? new LeaderElector(options.leaderElection, {
        client,
        clock,
        log,
        random,
        onStatus: (leading) => masterStatus.set({ name: options.leaderElection?.name ?? '' }, leading ? 1 : 0),
      })
    : undefined;
  const isLeading = (): boolean => elector?.isLeading() ?? true;
  let started = false;
  let controllersStarted = false;
  let health: HealthServer | undefined;
  let stopped: Promise<void> | undefined;

  function unready(): string | undefined {
    if (stopping.signal.aborted) return 'stopping';
    if (!started) return 'starting';
    const missing = caches.unsynced();
    return missing.length === 0 ? undefined : `waiting for the caches of ${missing.join(', ')}`;
  }

  function startControllers(): void {
    if (stopping.signal.aborted) return;
    controllersStarted = true;
    for (const controller of controllers) controller.start();
    void resyncForever();
  }

  async function resyncForever(): Promise<void> {
    const ms = options.resyncMs ?? DEFAULT_RESYNC_MS;
    for (;;) {
      try {
        await clock.sleep(ms * (0.9 + 0.2 * random()), stopping.signal);
      } catch {
        return;
      }
      for (const controller of controllers) controller.resync();
    }
  }

  async function shutDown(): Promise<void> {
    log.info('stopping');
    stopping.abort(new Error('the manager was stopped'));
    if (controllersStarted) await drain(controllers, options.drainMs ?? DEFAULT_DRAIN_MS, { clock, log });
    await atMost(clock, FLUSH_MS, events.flush());
    await elector?.stop();
    await caches.stop();
    await health?.close();
    log.info('stopped');
  }

  const fenced = elector ? fence(client, isLeading) : client;

  function apply<T extends KubeObject>(
    type: ResourceType<T>,
    desired: Desired<T>,
    applyOptions: ApplyOptions,
  ): Promise<ApplyResult<T>> {
    return applyIfChanged(fenced, type, caches.store(type).get(keyOf(desired)), desired, applyOptions);
  }

  return {
    client: fenced,
    events,
    applyIfChanged: apply,
    applyStatus: (type, desired, applyOptions) => apply(type, desired, { ...applyOptions, subresource: 'status' }),
    expectations,
    store: (type) => caches.store(type),
    addIndex: (type, name, valuesOf) => caches.store(type).addIndex(name, valuesOf),
    addController(controllerOptions) {
      if (started) throw new Error(`controller ${controllerOptions.name} was added after the start`);
      controllers.push(
        new Controller(controllerOptions, {
          clock,
          log,
          registry,
          expectations,
          store: (type) => caches.store(type),
          mayReconcile: isLeading,
        }),
      );
    },
    async start() {
      if (started) throw new Error('the manager was started already');
      started = true;
      if (options.metricsPort !== undefined) {
        health = await startHealthServer({
          port: options.metricsPort,
          ...(options.metricsHost === undefined ? {} : { host: options.metricsHost }),
          registry,
          ready: unready,
          metricsTokenFile: options.metricsTokenFile,
        });
      }
      await caches.start(options.syncTimeoutMs ?? DEFAULT_SYNC_MS, stopping.signal);
      log.info(caches.size(), 'caches are synced');
      if (!elector) {
        startControllers();
        return;
      }
      elector.start();
      void elector.whenLeading().then(startControllers);
    },
    stop() {
      stopped ??= shutDown();
      return stopped;
    },
    whenLeading: () => elector?.whenLeading() ?? Promise.resolve(),
    isLeading,
    get metricsPort() {
      return health?.port;
    },
  };
}
