import type { Clock } from '../../lib/clock.ts';
import type { KubeObject } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';
import type { ObjectStore } from '../../operator/store.ts';
import { covers } from '../../operator/store.ts';
import { deepFreeze } from '../../operator/transform.ts';

/** A cache that has not shown a write for this long will not: it is broken, and its own view is the better one. */
const EXPIRY_MS = 60_000;

interface Written<T> {
  /** undefined: deleted */
  now: T | undefined;
  uid: string | undefined;
  version: string;
  since: number;
}

type ValuesOf<T> = (obj: T) => string[];

/**
 * A cache together with what this process wrote and the cache does not show yet. Objects are not put into the cache
 * itself: the event that deletes one may have come before the answer to its creation did.
 * Objects that are being deleted are not there.
 */
export class FreshStore<T extends KubeObject> {
  private readonly store: ObjectStore<T>;
  private readonly clock: Clock;
  private readonly indexes = new Map<string, ValuesOf<T>>();
  private readonly written = new Map<string, Written<T>>();
  private readonly listeners: ((obj: T) => void)[] = [];

  constructor(store: ObjectStore<T>, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  addIndex(name: string, valuesOf: ValuesOf<T>): void {
    this.indexes.set(name, valuesOf);
    // Others index the same cache under names of their own.
    this.store.addIndex(`api.${name}`, valuesOf);
  }

  /** Calls `listener` with the old and the new state of everything that changes, and with all that is there now. */
  onChange(listener: (obj: T) => void): void {
    this.listeners.push(listener);
    this.store.subscribe(({ old, now }) => {
      if (old !== undefined) listener(old);
      if (now !== undefined) listener(now);
    });
  }

  get(key: string): T | undefined {
    this.settle();
    const own = this.written.get(key);
    return alive(own === undefined ? this.store.get(key) : own.now);
  }

  byIndex(name: string, value: string): T[] {
    this.settle();
    return this.merged(
      this.store.byIndex(`api.${name}`, value),
      (obj) => this.indexes.get(name)?.(obj).includes(value) === true,
    );
  }

  list(): T[] {
    this.settle();
    return this.merged(this.store.list(), () => true);
  }

  /** Remembers the answer to a write until the cache has it; returns the object as look-ups give it. */
  wrote(obj: T): T {
    delete obj.metadata.managedFields;
    const now = deepFreeze(obj);
    const key = keyOf(now);
    const { resourceVersion = '', uid } = now.metadata;
    const before = this.written.get(key);
    // Answers to two writes may come in another order than they were made in.
    if (before?.now !== undefined && before.uid === uid && covers(before.version, resourceVersion)) return before.now;
    this.remember(key, { now, uid, version: resourceVersion, since: this.clock.monotonic() }, now);
    return now;
  }

  deleted(obj: T): void {
    const { resourceVersion = '', uid } = obj.metadata;
    this.remember(keyOf(obj), { now: undefined, uid, version: resourceVersion, since: this.clock.monotonic() }, obj);
  }

  /** Forgets writes that the cache shows. Readers that keep something derived must call it before they trust that. */
  settle(): void {
    if (this.written.size === 0) return;
    for (const [key, own] of this.written) {
      if (this.clock.monotonic() - own.since < EXPIRY_MS && !this.shows(key, own)) continue;
      this.written.delete(key);
      const cached = this.store.get(key);
      if (own.now !== undefined) this.emit(own.now);
      if (cached !== undefined) this.emit(cached);
    }
  }

  private shows(key: string, { now, uid, version }: Written<T>): boolean {
    const cached = this.store.get(key);
    const { namespace = '' } = now?.metadata ?? { namespace: key.includes('/') ? key.slice(0, key.indexOf('/')) : '' };
    const seen =
      (cached?.metadata.uid === uid && covers(cached?.metadata.resourceVersion, version)) ||
      covers(this.store.observedVersion(namespace), version);
    if (now !== undefined || !seen) return seen;
    return cached?.metadata.uid !== uid || cached?.metadata.deletionTimestamp !== undefined;
  }

  private remember(key: string, own: Written<T>, obj: T): void {
    this.written.set(key, own);
    const cached = this.store.get(key);
    if (cached !== undefined) this.emit(cached);
    this.emit(obj);
  }

  private emit(obj: T): void {
    for (const listener of this.listeners) listener(obj);
  }

  private merged(cached: T[], belongs: (obj: T) => boolean): T[] {
    if (this.written.size === 0) return cached.filter(alive);
    const others = cached.filter((obj) => alive(obj) !== undefined && !this.written.has(keyOf(obj)));
    for (const { now } of this.written.values()) {
      if (now !== undefined && alive(now) !== undefined && belongs(now)) others.push(now);
    }
    return others;
  }
}

function alive<T extends KubeObject>(obj: T | undefined): T | undefined {
  return obj?.metadata.deletionTimestamp === undefined ? obj : undefined;
}
