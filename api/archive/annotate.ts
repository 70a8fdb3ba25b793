import type { Build } from '../../crds/build.ts';
import { ARCHIVED_ANNOTATION } from '../../crds/names.ts';
import type { Removal } from '../../crds/removal.ts';
import { isConflict, isNotFound } from '../../operator/apiError.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { ResourceType } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';

/**
 * Says on that very object since when the history is as it wants. Nothing happens when it is gone, or another object
 * bears its name by now: the uid makes that a conflict.
 */
export async function annotateArchived<T extends Build | Removal>(
  client: ApiClient,
  type: ResourceType<T>,
  object: T,
  time: string,
): Promise<void> {
  const metadata = { uid: object.metadata.uid, annotations: { [ARCHIVED_ANNOTATION]: time } };
  try {
    await client.mergePatch(type, keyOf(object), { metadata });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
