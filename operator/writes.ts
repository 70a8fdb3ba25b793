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

const current = new AsyncLocalStorage<Write[]>();

/** Runs `work` and collects what it writes into `writes`, even when it throws. */
export function collectingWrites<R>(writes: Write[], work: () => Promise<R>): Promise<R> {
  return current.run(writes, work);
}

export function recordWrite(type: ResourceType<KubeObject>, obj: KubeObject): void {
  const writes = current.getStore();
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
  current.getStore()?.push({ type, key, ...(uid === undefined ? {} : { uid }) });
}
