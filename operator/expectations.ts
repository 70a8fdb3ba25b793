/**
 * What somebody wrote and the caches have not shown yet. Deciding on a cache that lacks one's own last writes makes
 * the same thing twice; so the next decision for the same key waits, for milliseconds as a rule, until they are seen.
 */
import type { Clock } from '../lib/clock.ts';
import { OVER } from '../lib/deadline.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { parseKey, typeName } from './resource.ts';
import type { ObjectStore } from './store.ts';
import { covers } from './store.ts';
import type { Write } from './writes.ts';

/** A cache that has not shown a write for this long will not: the object left its selector, or the cache is broken. */
const EXPIRY_MS = 5 * 60_000;

/** The cache that is to show writes to a type, or undefined when the type, or that namespace of it, is not cached whole. */
export type CacheOf = (type: ResourceType<KubeObject>, namespace: string) => ObjectStore<KubeObject> | undefined;

interface Expectation {
  write: Write;
  store: ObjectStore<KubeObject>;
  since: number;
}

export class Expectations {
  private readonly clock: Clock;
  private readonly cacheOf: CacheOf;
  /** In the order in which they were recorded. */
  private readonly pending = new Map<string, Expectation[]>();

  constructor(clock: Clock, cacheOf: CacheOf) {
    this.clock = clock;
    this.cacheOf = cacheOf;
  }

  /** Expects the caches to show these writes before anything is decided for `id` again. */
  record(id: string, writes: readonly Write[]): void {
    const since = this.clock.monotonic();
    const open = this.open(id);
    for (const write of writes) {
      const store = this.cacheOf(write.type, parseKey(write.key).namespace ?? '');
      if (store && !isMet(write, store)) open.push({ write, store, since });
    }
    this.pending.delete(id);
    if (open.length > 0) this.pending.set(id, open);
    this.forgetOldest();
  }

  /** Ids for which something may be missing. */
  get size(): number {
    return this.pending.size;
  }

  /** Nothing may ever be decided again for an id, and so nobody ask for it: its object is gone, or done with. */
  private forgetOldest(): void {
    for (const id of this.pending.keys()) if (!this.satisfied(id)) return;
  }

  /** True when the caches show everything written for `id`. */
  satisfied(id: string): boolean {
    const open = this.open(id);
    if (open.length > 0) return false;
    this.pending.delete(id);
    return true;
  }

  /** Waits until satisfied. Resolves with what is still missing after `ms`, as text, or with undefined. */
  async settled(id: string, ms: number, signal: AbortSignal): Promise<string | undefined> {
    if (this.satisfied(id)) return undefined;
    const wait = new AbortController();
    const end = (): void => wait.abort(OVER);
    signal.addEventListener('abort', end, { once: true });
    void this.clock.sleep(ms, wait.signal).then(end, () => undefined);
    try {
      for (const { store, write } of this.open(id)) {
        if (!(await store.until(() => isMet(write, store), wait.signal))) break;
      }
    } finally {
      wait.abort(OVER);
      signal.removeEventListener('abort', end);
    }
    const [missing] = this.open(id);
    if (!missing) {
      this.pending.delete(id);
      return undefined;
    }
    return `${typeName(missing.write.type)} ${missing.write.key}`;
  }

  private open(id: string): Expectation[] {
    const now = this.clock.monotonic();
    return (this.pending.get(id) ?? []).filter(
      ({ write, store, since }) => now - since < EXPIRY_MS && !isMet(write, store),
    );
  }
}

function isMet(write: Write, store: ObjectStore<KubeObject>): boolean {
  const cached = store.get(write.key);
  if (write.resourceVersion === undefined) {
    return !cached || (write.uid !== undefined && cached.metadata.uid !== write.uid);
  }
  if (cached && covers(cached.metadata.resourceVersion, write.resourceVersion)) return true;
  return covers(store.observedVersion(parseKey(write.key).namespace ?? ''), write.resourceVersion);
}
