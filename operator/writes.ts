/**
 * Remembers what one reconciliation wrote, so that the next one for the same key does not decide on a cache that has
 * not seen those writes yet. The client reports every write; outside a reconciliation nobody listens.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { KubeObject, ResourceType } from './resource.ts';
import { keyOf } from './resource.ts';

export interface Write {
  type: ResourceType<KubeObject>;
  key: string;
  /** The version the write produced; undefined when the object is gone at once. */
  resourceVersion?: string;
  uid?: string;
}

/**
 * What outlives its reconciliation keeps its context: a connection that it opened, a queue of events that it began to
 * send. So `writes` goes with the end, or the queue's would pile up here for as long as the connection lives.
 */
interface Collection {
  writes: Write[] | undefined;
}

const current = new AsyncLocalStorage<Collection>();

/** Runs `work` and collects into `writes` what it writes until it ends, even when it throws. */
export function collectingWrites<R>(writes: Write[], work: () => Promise<R>): Promise<R> {
  const collection: Collection = { writes };
  return current.run(collection, async () => {
    try {
      return await work();
    } finally {
      collection.writes = undefined;
    }
  });
}

export function recordWrite(type: ResourceType<KubeObject>, obj: KubeObject): void {
  const writes = current.getStore()?.writes;
  if (!writes) return;
  const { resourceVersion, uid } = obj.metadata;
  writes.push({
    type,
    key: keyOf(obj),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(uid === undefined ? {} : { uid }),
  });
}

export function recordDelete(type: ResourceType<KubeObject>, key: string, uid: string | undefined): void {
  current.getStore()?.writes?.push({ type, key, ...(uid === undefined ? {} : { uid }) });
}
