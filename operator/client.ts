/**
 * The API server as kopr uses it: raw JSON in and out, every request with a deadline, retries only where a repetition
 * cannot do harm, writes only as create, server-side apply, finalizer patch and delete. There is no PUT: it loses
 * other writers' updates and every field this version does not know.
 */
import type { ApiClient, ApiRequest, ApplyOptions, Desired, Draft, ListOptions, RequestOptions } from './apiClient.ts';
import { ApiError, isNotFound } from './apiError.ts';
import type { ClientOptions } from './caller.ts';
import { createCaller } from './caller.ts';
import { Pods } from './core.ts';
import type { ListHead } from './listScanner.ts';
import { ListScanner } from './listScanner.ts';
import type { KubeObject, ObjectMeta, ResourceType } from './resource.ts';
import { apiVersionOf, keyOf, parseKey, resourcePath } from './resource.ts';
import { recordDelete, recordWrite } from './writes.ts';

export type * from './apiClient.ts';
export { ApiError, isAlreadyExists, isConflict, isInvalid, isNotFound } from './apiError.ts';
export type { ClientOptions } from './caller.ts';

const PAGE_SIZE = 500;
const APPLY = 'application/apply-patch+yaml';
const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';

export function createClient(options: ClientOptions): ApiClient {
  const caller = createCaller(options);

  function json<R>(request: ApiRequest): Promise<R> {
    return caller.call(request, async (body) => JSON.parse(await body.text()) as R);
  }

  async function listPage<T extends KubeObject>(
    type: ResourceType<T>,
    request: ApiRequest,
    items: T[],
    transform: (item: T) => T,
  ): Promise<ListHead> {
    const before = items.length;
    return caller.call(request, async (body) => {
      // A repeated attempt must not leave the items of the broken one behind.
      items.length = before;
      const scanner = new ListScanner((item) => items.push(transform(withKind(type, item as T))));
      for await (const chunk of body) scanner.push(chunk as Buffer);
      return scanner.end();
    });
  }

  return {
    server: caller.server,
    connectionsOpened: () => caller.connectionsOpened(),
    close: () => caller.close(),
    request: json,

    async get(type, key, requestOptions) {
      try {
        return await json({ method: 'GET', path: pathOf(type, key), ...requestOptions });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },

    async list<T extends KubeObject>(type: ResourceType<T>, listOptions: ListOptions<T> = {}) {
      const items: T[] = [];
      const transform = listOptions.transform ?? ((item) => item);
      let next: string | undefined;
      for (;;) {
        const head: ListHead = await listPage(
          type,
          {
            method: 'GET',
            path: resourcePath(type, listOptions.namespace === undefined ? {} : { namespace: listOptions.namespace }),
            query: {
              labelSelector: listOptions.labelSelector,
              fieldSelector: listOptions.fieldSelector,
              resourceVersion: next === undefined ? listOptions.resourceVersion : undefined,
              limit: listOptions.limit ?? PAGE_SIZE,
              continue: next,
            },
            ...requestFields(listOptions),
          },
          items,
          transform,
        );
        next = head.metadata?.continue || undefined;
        if (next === undefined) return { items, resourceVersion: head.metadata?.resourceVersion ?? '' };
      }
    },

    async create<T extends KubeObject>(type: ResourceType<T>, obj: Draft<T>, requestOptions?: RequestOptions) {
      const created: T = await json({
        method: 'POST',
        path: resourcePath(type, whereOf(type, obj)),
        body: { ...obj, apiVersion: apiVersionOf(type), kind: type.kind },
        ...requestOptions,
      });
      recordWrite(type, created);
      return created;
    },

    async apply<T extends KubeObject>(type: ResourceType<T>, obj: Desired<T>, applyOptions: ApplyOptions) {
      const subset: { metadata: Partial<ObjectMeta> } = applyOptions.subresource === 'status' ? statusOf(obj) : obj;
      const { managedFields: _managedFields, resourceVersion: _read, ...metadata } = subset.metadata;
      const { resourceVersion } = applyOptions;
      const result: T = await json({
        method: 'PATCH',
        path: pathOf(type, keyOf(obj), applyOptions.subresource),
        query: { fieldManager: applyOptions.manager, force: applyOptions.force ?? true },
        body: {
          ...subset,
          apiVersion: apiVersionOf(type),
          kind: type.kind,
          metadata: resourceVersion === undefined ? metadata : { ...metadata, resourceVersion },
        },
        contentType: APPLY,
        idempotent: applyOptions.resourceVersion === undefined,
        ...requestFields(applyOptions),
      });
      recordWrite(type, result);
      return result;
    },

    async patchFinalizers<T extends KubeObject>(
      type: ResourceType<T>,
      obj: T,
      finalizers: readonly string[],
      requestOptions?: RequestOptions,
    ) {
      const path = pathOf(type, keyOf(obj));
      const body = [
        { op: 'test', path: '/metadata/resourceVersion', value: obj.metadata.resourceVersion },
        // "add" replaces a member that exists and makes one that does not.
        { op: 'add', path: '/metadata/finalizers', value: finalizers },
      ];
      try {
        const patched: T = await json({ method: 'PATCH', path, body, contentType: JSON_PATCH, ...requestOptions });
        recordWrite(type, patched);
        return patched;
      } catch (error) {
        // The server reports a failed `test` as 422 without saying what failed; a finalizer it does not like comes with
        // causes. To the caller the former is what it is: a conflict.
        if (error instanceof ApiError && error.status === 422 && (error.details.causes ?? []).length === 0) {
          throw new ApiError({
            status: 409,
            reason: 'Conflict',
            message: `${type.kind} ${keyOf(obj)} changed after version ${obj.metadata.resourceVersion} was read`,
            method: 'PATCH',
            path,
          });
        }
        throw error;
      }
    },

    async mergePatch<T extends KubeObject>(
      type: ResourceType<T>,
      key: string,
      patch: unknown,
      patchOptions: RequestOptions & { subresource?: 'status' } = {},
    ) {
      const patched: T = await json({
        method: 'PATCH',
        path: pathOf(type, key, patchOptions.subresource),
        body: patch,
        contentType: MERGE_PATCH,
        ...requestFields(patchOptions),
      });
      recordWrite(type, patched);
      return patched;
    },

    async delete(type, key, deleteOptions = {}) {
      const preconditions: Record<string, string> = {};
      if (deleteOptions.uid !== undefined) preconditions.uid = deleteOptions.uid;
      if (deleteOptions.resourceVersion !== undefined) preconditions.resourceVersion = deleteOptions.resourceVersion;
      const body: Record<string, unknown> = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: deleteOptions.propagationPolicy ?? 'Background',
      };
      if (Object.keys(preconditions).length > 0) body.preconditions = preconditions;
      if (deleteOptions.gracePeriodSeconds !== undefined) body.gracePeriodSeconds = deleteOptions.gracePeriodSeconds;
      try {
        const answer: KubeObject & { details?: { uid?: string } } = await json({
          method: 'DELETE',
          path: pathOf(type, key),
          body,
          ...requestFields(deleteOptions),
        });
        if (answer.kind === 'Status') recordDelete(type, key, answer.details?.uid ?? deleteOptions.uid);
        else recordWrite(type, answer);
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        // Another object bears the name now: the one that was meant is gone.
        if (
          error instanceof ApiError &&
          error.status === 409 &&
          /\buid\b.*precondition|precondition.*\buid\b/i.test(error.message)
        ) {
          return false;
        }
        throw error;
      }
    },

    stream: (request) => caller.open({ method: 'GET', ...request }),

    async *podLog(key, logOptions = {}) {
      const { signal, ...query } = logOptions;
      const response = await caller.open({
        method: 'GET',
        path: `${pathOf(Pods, key)}/log`,
        query,
        ...(signal === undefined ? {} : { signal }),
      });
      try {
        for await (const chunk of response.body) yield chunk as Buffer;
      } finally {
        response.body.destroy();
      }
    },
  };
}

/** Nothing but the status is sent to the status subresource: labels applied through it would become this manager's. */
function statusOf<T extends KubeObject>(obj: Desired<T>): { metadata: Partial<ObjectMeta>; status: unknown } {
  const { name, namespace, uid } = obj.metadata;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
  return { metadata, status: (obj as { status?: unknown }).status };
}

function requestFields(options: RequestOptions): RequestOptions {
  return {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}

function pathOf(type: ResourceType<KubeObject>, key: string, subresource?: string): string {
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

function whereOf(
  type: ResourceType<KubeObject>,
  obj: { metadata: { name: string; namespace?: string } },
): { namespace?: string } {
  const { namespace } = obj.metadata;
  if (type.namespaced && !namespace) throw new Error(`${type.kind} "${obj.metadata.name}" has no namespace`);
  return type.namespaced && namespace ? { namespace } : {};
}

/** Items of a list carry no kind of their own in the core groups; objects from a watch do. Make them alike. */
function withKind<T extends KubeObject>(type: ResourceType<T>, item: T): T {
  item.apiVersion ??= apiVersionOf(type);
  item.kind ??= type.kind;
  return item;
}
