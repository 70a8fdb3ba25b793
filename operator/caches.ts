/** The caches of one process: one informer for each kind, however many ask for it. */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { CacheScope, InformerDeps } from './informer.ts';
import { Informer } from './informer.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { typeName } from './resource.ts';
import type { ObjectStore } from './store.ts';

export class Caches {
  private readonly clock: Clock;
  private readonly deps: InformerDeps;
  private readonly scopes: Record<string, CacheScope>;
  private readonly informers = new Map<string, Informer<KubeObject>>();
  private started = false;

  /** @param scopes what is cached of a kind, by "plural.group"; default: everything */
  constructor(deps: InformerDeps, scopes: Record<string, CacheScope> = {}) {
    this.clock = deps.clock;
    this.deps = deps;
    this.scopes = scopes;
  }

  /** The cache of a kind. It is filled from the start on, or at once when that has passed. */
  store<T extends KubeObject>(type: ResourceType<T>): ObjectStore<T> {
    const name = typeName(type);
    let informer = this.informers.get(name) as Informer<T> | undefined;
    if (!informer) {
      informer = new Informer(type, this.scopes[name] ?? {}, this.deps);
      this.informers.set(name, informer as unknown as Informer<KubeObject>);
      if (this.started) informer.start();
    }
    return informer.store;
  }

  /** The cache of a kind if somebody uses it and it holds everything of the namespace. */
  whole(type: ResourceType<KubeObject>, namespace: string): ObjectStore<KubeObject> | undefined {
    const informer = this.informers.get(typeName(type));
    return informer?.holdsAllOf(namespace) ? informer.store : undefined;
  }

  /** Names of the kinds whose first list is not complete. */
  unsynced(): string[] {
    return [...this.informers].filter(([, informer]) => !informer.store.synced).map(([name]) => name);
  }

  /** How many there are, and how many objects they hold. */
  size(): { caches: number; objects: number } {
    const objects = [...this.informers.values()].reduce((sum, informer) => sum + informer.store.size, 0);
    return { caches: this.informers.size, objects };
  }

  /** Starts them and resolves when every first list is complete. Throws after `ms`, naming those that are missing. */
  async start(ms: number, stopping: AbortSignal): Promise<void> {
    this.started = true;
    for (const informer of this.informers.values()) informer.start();
    try {
      await withDeadline({ clock: this.clock, ms, what: 'first lists', signal: stopping }, (signal) =>
        Promise.race([
          Promise.all([...this.informers.values()].map((informer) => informer.store.whenSynced())),
          new Promise<never>((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
          ),
        ]),
      );
    } catch (error) {
      if (stopping.aborted) throw error;
      const missing = this.unsynced().join(', ');
      throw new Error(
        `could not list ${missing} within ${ms / 1000} s; check the API server, the CRDs and the RBAC rules`,
        { cause: error },
      );
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.informers.values()].map((informer) => informer.stop()));
  }
}
