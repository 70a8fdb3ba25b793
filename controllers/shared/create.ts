import type { ApiClient } from '../../operator/client.ts';
import { isAlreadyExists } from '../../operator/client.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';

/**
 * Creates an object with a name that follows from its cause. One that exists is left as it is: it is either the same,
 * made by an earlier run, or a stranger's, which the next observation will show.
 */
export async function createOnce<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType<T>,
  object: T,
): Promise<boolean> {
  try {
    await client.create(type, object);
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}
