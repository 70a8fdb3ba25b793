import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../operator/resource.ts';

/**
 * True when nothing has changed but the status, which the controller that asks has written itself, and nothing in it that more
 * follows from. `decisive` shows what does.
 */
export function isOwnStatus<T extends KubeObject>(
  old: T | undefined,
  now: T | undefined,
  decisive: (object: T) => unknown,
): boolean {
  if (old === undefined || now === undefined) return false;
  const seen = (object: T): unknown => {
    const { uid, generation, deletionTimestamp, finalizers, labels, annotations } = object.metadata;
    return [uid, generation, deletionTimestamp, finalizers, labels, annotations, decisive(object)];
  };
  return isDeepStrictEqual(seen(old), seen(now));
}
