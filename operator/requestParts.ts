/** What requests are put together from. Keys that do not fit the kind are refused: a wrong path asks for something else. */
import type { RequestOptions } from './apiClient.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { parseKey, resourcePath } from './resource.ts';

export function pathOf(type: ResourceType<KubeObject>, key: string, subresource?: string): string {
  const { namespace, name } = parseKey(key);
  if (type.namespaced && namespace === undefined) {
    throw new Error(`${type.kind} "${key}" has no namespace; the key of a namespaced object is "namespace/name"`);
  }
  return resourcePath(type, {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
  });
}

/** The namespace to create an object in. */
export function whereOf(
  type: ResourceType<KubeObject>,
  obj: { metadata: { name: string; namespace?: string } },
): { namespace?: string } {
  const { namespace } = obj.metadata;
  if (type.namespaced && !namespace) throw new Error(`${type.kind} "${obj.metadata.name}" has no namespace`);
  return type.namespaced && namespace ? { namespace } : {};
}

/** The options of any request, out of those of a verb. */
export function requestFields(options: RequestOptions): RequestOptions {
  return {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}
