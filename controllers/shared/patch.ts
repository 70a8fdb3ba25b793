import { isConflict, isNotFound } from '../../operator/apiError.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';

/**
 * Changes fields of that very object. Nothing happens when it is gone, or another one bears its name by now: the cache
 * lags behind, and what it shows next brings the caller back. The uid makes the second case a conflict.
 */
export async function patchIncarnation<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType<T>,
  object: T,
  patch: { spec: object },
): Promise<void> {
  try {
    await client.mergePatch(type, keyOf(object), { metadata: { uid: object.metadata.uid }, ...patch });
  } catch (error) {
    if (!isGoneOrOther(error)) throw error;
  }
}

/** The error of a write to an object (named by its uid) that is no longer there. */
export function isGoneOrOther(error: unknown): boolean {
  return isNotFound(error) || isConflict(error);
}
