/** Lists, read page by page and item by item. */
import type { ApiRequest, ListOptions, ListResult } from './apiClient.ts';
import type { Caller } from './caller.ts';
import type { ListHead } from './listScanner.ts';
import { ListScanner } from './listScanner.ts';
import { requestFields } from './requestParts.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { apiVersionOf, resourcePath } from './resource.ts';

const PAGE_SIZE = 500;

/** Everything that fits the options, of one version. */
export async function listAll<T extends KubeObject>(
  caller: Caller,
  type: ResourceType<T>,
  options: ListOptions<T> = {},
): Promise<ListResult<T>> {
  const items: T[] = [];
  const transform = options.transform ?? ((item) => item);
  let next: string | undefined;
  for (;;) {
    const request: ApiRequest = {
      method: 'GET',
      path: resourcePath(type, options.namespace === undefined ? {} : { namespace: options.namespace }),
      query: {
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        resourceVersion: next === undefined ? options.resourceVersion : undefined,
        limit: options.limit ?? PAGE_SIZE,
        continue: next,
      },
      ...requestFields(options),
    };
    const head = await listPage(caller, request, items, (item) => transform(withKind(type, item)));
    next = head.metadata?.continue || undefined;
    if (next === undefined) return { items, resourceVersion: head.metadata?.resourceVersion ?? '' };
  }
}

async function listPage<T extends KubeObject>(
  caller: Caller,
  request: ApiRequest,
  items: T[],
  take: (item: T) => T,
): Promise<ListHead> {
  const before = items.length;
  return caller.call(request, async (body) => {
    // A repeated attempt must not leave the items of the broken one behind.
    items.length = before;
    const scanner = new ListScanner((item) => items.push(take(item as T)));
    for await (const chunk of body) scanner.push(chunk as Buffer);
    return scanner.end();
  });
}

/** Items of a list carry no kind of their own in the core groups; objects from a watch do. Make them alike. */
function withKind<T extends KubeObject>(type: ResourceType<T>, item: T): T {
  item.apiVersion ??= apiVersionOf(type);
  item.kind ??= type.kind;
  return item;
}
