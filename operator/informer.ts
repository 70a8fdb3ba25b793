/** One store and the reflectors that fill it: one for the whole cluster, or one for each namespace of its scope. */
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from './client.ts';
import type { ReflectorMetrics } from './metrics.ts';
import type { ReflectorTiming } from './reflector.ts';
import { Reflector } from './reflector.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { ObjectStore } from './store.ts';

/** What part of a kind is cached. Default: all of it. */
export interface CacheScope {
  namespaces?: string[];
  labelSelector?: string;
  fieldSelector?: string;
}

export interface InformerDeps {
  client: ApiClient;
  clock: Clock;
  log: Logger;
  metrics: ReflectorMetrics;
  random: () => number;
  transform: <T extends KubeObject>(obj: T) => T;
  timing?: Partial<ReflectorTiming>;
}

export class Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly store: ObjectStore<T>;
  private readonly scope: CacheScope;
  private readonly reflectors: Reflector<T>[];
  private started = false;

  constructor(type: ResourceType<T>, scope: CacheScope, deps: InformerDeps) {
    this.type = type;
    this.scope = scope;
    const namespaces = type.namespaced && scope.namespaces ? scope.namespaces : [''];
    this.store = new ObjectStore<T>(deps.log, namespaces);
    this.reflectors = namespaces.map(
      (namespace) =>
        new Reflector<T>({
          type,
          store: this.store,
          client: deps.client,
          clock: deps.clock,
          log: deps.log,
          metrics: deps.metrics,
          random: deps.random,
          transform: deps.transform,
          ...(namespace === '' ? {} : { namespace }),
          ...(scope.labelSelector === undefined ? {} : { labelSelector: scope.labelSelector }),
          ...(scope.fieldSelector === undefined ? {} : { fieldSelector: scope.fieldSelector }),
          ...(deps.timing === undefined ? {} : { timing: deps.timing }),
        }),
    );
  }

  /** Whether everything of the kind in that namespace is in the store. */
  holdsAllOf(namespace: string): boolean {
    const { namespaces, labelSelector, fieldSelector } = this.scope;
    if (labelSelector !== undefined || fieldSelector !== undefined) return false;
    return !this.type.namespaced || namespaces === undefined || namespaces.includes(namespace);
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    for (const reflector of this.reflectors) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.reflectors.map((reflector) => reflector.stop()));
  }
}
