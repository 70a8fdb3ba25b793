/**
 * The cache of one kind of object. Filled by reflectors, read by everyone else.
 * What it returns is shared and deeply frozen: copy before changing.
 */
import type { Logger } from '../lib/log.ts';
import type { KubeObject } from './resource.ts';
import { keyOf } from './resource.ts';
import { compareVersions } from './version.ts';
import { createYielder } from './yield.ts';

/** `old` is undefined for an object that is new to the cache, `now` for one that left it. */
export interface Change<T> {
  old: T | undefined;
  now: T | undefined;
  /** Part of a list or of a replay, not news: such work may wait behind what just happened. */
  initial: boolean;
}

export interface Store<T extends KubeObject> {
  get(key: string): T | undefined;
  /** In no particular order. */
  list(namespace?: string): T[];
  /** Objects for which the index function named `index` returned `value`. Throws for an unknown index. */
  byIndex(index: string, value: string): T[];
  readonly size: number;
  /** True once the first list is complete. */
  readonly synced: boolean;
  whenSynced(): Promise<void>;
  /** Calls `handler` for everything cached now (as initial) and then for every change. Returns its end. */
  subscribe(handler: (change: Change<T>) => void): () => void;
}

interface Index<T> {
  valuesOf: (obj: T) => string[];
  keys: Map<string, Set<string>>;
}

export class ObjectStore<T extends KubeObject> implements Store<T> {
  private readonly log: Logger;
  private readonly objects = new Map<string, T>();
  private readonly namespaces = new Map<string, Set<string>>();
  private readonly indexes = new Map<string, Index<T>>();
  private readonly handlers = new Set<(change: Change<T>) => void>();
  private readonly observed = new Map<string, string>();
  private readonly waiters = new Set<() => boolean>();
  private readonly unsynced: Set<string>;
  private readonly syncPromise: Promise<void>;
  private resolveSync: () => void = () => undefined;

  /** @param scopes the namespaces whose reflectors fill this store; [''] when one reflector sees them all */
  constructor(log: Logger, scopes: readonly string[] = ['']) {
    this.log = log;
    this.unsynced = new Set(scopes);
    this.syncPromise = new Promise((resolve) => {
      this.resolveSync = resolve;
    });
  }

  get(key: string): T | undefined {
    return this.objects.get(key);
  }

  list(namespace?: string): T[] {
    if (namespace === undefined) return [...this.objects.values()];
    return this.resolve(this.namespaces.get(namespace));
  }

  byIndex(index: string, value: string): T[] {
    const entry = this.indexes.get(index);
    if (!entry) throw new Error(`there is no index "${index}"; add it with addIndex before reading it`);
    return this.resolve(entry.keys.get(value));
  }

  get size(): number {
    return this.objects.size;
  }

  get synced(): boolean {
    return this.unsynced.size === 0;
  }

  whenSynced(): Promise<void> {
    return this.syncPromise;
  }

  subscribe(handler: (change: Change<T>) => void): () => void {
    for (const now of this.objects.values()) this.call(handler, { old: undefined, now, initial: true });
    this.handlers.add(handler);
    return () => {
      this.handlers.delete(handler);
    };
  }

  addIndex(name: string, valuesOf: (obj: T) => string[]): void {
    if (this.indexes.has(name)) throw new Error(`the index "${name}" exists already`);
    const index: Index<T> = { valuesOf, keys: new Map() };
    this.indexes.set(name, index);
    for (const [key, obj] of this.objects) addToIndex(index, key, obj);
  }

  /** The newest version the reflector of a namespace (or of all, '') has seen, bookmarks included. */
  observedVersion(namespace: string): string | undefined {
    return this.observed.get(namespace) ?? this.observed.get('');
  }

  /** Resolves true when `condition` holds; it is checked after every change. The caller bounds the wait with `signal`. */
  until(condition: () => boolean, signal: AbortSignal): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const check = (): boolean => {
        if (!condition()) return false;
        finish(true);
        return true;
      };
      const onAbort = (): void => finish(false);
      const finish = (met: boolean): void => {
        this.waiters.delete(check);
        signal.removeEventListener('abort', onAbort);
        resolve(met);
      };
      this.waiters.add(check);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  // What follows is for reflectors only.

  upsert(now: T, initial = false): void {
    const key = keyOf(now);
    const old = this.objects.get(key);
    // The same name may come back as a different object while the watch was down: handlers must see the first one go.
    if (old && old.metadata.uid !== now.metadata.uid) this.remove(key);
    const previous = this.objects.get(key);
    this.objects.set(key, now);
    const { namespace } = now.metadata;
    if (namespace) addTo(this.namespaces, namespace, key);
    for (const index of this.indexes.values()) {
      if (previous) removeFromIndex(index, key, previous);
      addToIndex(index, key, now);
    }
    this.emit({ old: previous, now, initial });
  }

  remove(key: string): void {
    const old = this.objects.get(key);
    if (!old) return;
    this.objects.delete(key);
    if (old.metadata.namespace) removeFrom(this.namespaces, old.metadata.namespace, key);
    for (const index of this.indexes.values()) removeFromIndex(index, key, old);
    this.emit({ old, now: undefined, initial: false });
  }

  /**
   * Makes one scope equal to a list, telling handlers only what differs. A long list is taken in slices, in between
   * which readers see a mixture of old and new, as they would had the changes come one by one.
   */
  async replace(items: readonly T[], scope: string): Promise<void> {
    const giveWay = createYielder();
    const first = this.unsynced.has(scope);
    const listed = new Set<string>();
    for (const item of items) {
      const key = keyOf(item);
      listed.add(key);
      const old = this.objects.get(key);
      if (
        old &&
        old.metadata.uid === item.metadata.uid &&
        old.metadata.resourceVersion === item.metadata.resourceVersion
      ) {
        continue;
      }
      this.upsert(item, first);
      const pause = giveWay();
      if (pause) await pause;
    }
    const held = scope === '' ? [...this.objects.keys()] : [...(this.namespaces.get(scope) ?? [])];
    for (const key of held) {
      if (!listed.has(key)) this.remove(key);
    }
  }

  /** Called after the changes up to `version` are in. */
  observe(scope: string, version: string): void {
    this.observed.set(scope, version);
    if (this.unsynced.delete(scope) && this.unsynced.size === 0) this.resolveSync();
    for (const check of this.waiters) check();
  }

  private resolve(keys: Set<string> | undefined): T[] {
    const found: T[] = [];
    for (const key of keys ?? []) {
      const obj = this.objects.get(key);
      if (obj) found.push(obj);
    }
    return found;
  }

  private emit(change: Change<T>): void {
    for (const handler of this.handlers) this.call(handler, change);
  }

  private call(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      // A broken handler must not stop the stream for everyone.
      this.log.error({ err: error, kind: (change.now ?? change.old)?.kind }, 'a cache handler threw');
    }
  }
}

/** True when a cache that has seen `observed` must contain the effects of `version`. */
export function covers(observed: string | undefined, version: string): boolean {
  return observed !== undefined && compareVersions(observed, version) >= 0;
}

function addToIndex<T>(index: Index<T>, key: string, obj: T): void {
  for (const value of index.valuesOf(obj)) addTo(index.keys, value, key);
}

function removeFromIndex<T>(index: Index<T>, key: string, obj: T): void {
  for (const value of index.valuesOf(obj)) removeFrom(index.keys, value, key);
}

function addTo(map: Map<string, Set<string>>, value: string, key: string): void {
  const keys = map.get(value);
  if (keys) keys.add(key);
  else map.set(value, new Set([key]));
}

function removeFrom(map: Map<string, Set<string>>, value: string, key: string): void {
  const keys = map.get(value);
  if (!keys) return;
  keys.delete(key);
  if (keys.size === 0) map.delete(value);
}
