/** Changes of objects that others change too. */
import type { Clock } from '../../lib/clock.ts';
import { KeyedLock } from '../../lib/locks.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { isConflict } from '../../operator/apiError.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';
import { conflict, notFound } from '../http/errors.ts';
import type { FreshStore } from './fresh-store.ts';
import type { Patch } from './world.ts';

/** The operator writes statuses all the time, and each makes a conflict: some attempts are lost without anybody's fault. */
const ATTEMPTS = 8;
const PAUSE_MS = 20;
/** Deadline of one call. */
export const WRITE_MS = 10_000;

/** Within this process nobody loses an attempt to another. */
const locks = new KeyedLock();

export interface Change<T extends KubeObject> {
  client: ApiClient;
  clock: Clock;
  type: ResourceType<T>;
  store: FreshStore<T>;
  /** For sentences: `Project alice/hello`. */
  what: string;
  signal: AbortSignal;
}

/**
 * Lists are replaced as a whole, so every patch holds the version it was made for: nobody's change is lost, however many
 * replicas write at once.
 */
export function patchWithRetry<T extends KubeObject>(
  change: Change<T>,
  current: T,
  decide: (current: T) => Patch | undefined,
): Promise<T> {
  return locks.run(`${change.type.plural}/${current.metadata.uid}`, () => {
    change.signal.throwIfAborted();
    return attempts(change, current, decide);
  });
}

async function attempts<T extends KubeObject>(
  change: Change<T>,
  current: T,
  decide: (current: T) => Patch | undefined,
): Promise<T> {
  const { client, clock, type, store, what, signal } = change;
  const key = keyOf(current);
  const { uid } = current.metadata;
  let object = store.get(key) ?? current;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const patch = decide(object);
    if (patch === undefined) return object;
    const { resourceVersion } = object.metadata;
    const body = { ...patch, metadata: { ...patch.metadata, uid, resourceVersion } };
    try {
      return store.wrote(await client.mergePatch<T>(type, key, body, { signal, timeoutMs: WRITE_MS }));
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    await clock.sleep(PAUSE_MS * (attempt - 1), signal);
    const newest = await client.get<T>(type, key, { signal, timeoutMs: WRITE_MS });
    if (newest === undefined || newest.metadata.uid !== uid || newest.metadata.deletionTimestamp !== undefined) {
      throw notFound(`${what} does not exist any more.`);
    }
    object = store.wrote(newest);
  }
  throw conflict(`${what} is being changed by others all the time; try again.`);
}
