/**
 * The API server as kopr uses it: raw JSON in and out, every request with a deadline, retries only where a repetition
 * cannot do harm, writes only as create, server-side apply, finalizer patch and delete. There is no PUT: it loses
 * other writers' updates and every field this version does not know.
 */
import type { ApiClient, ApiRequest, ApplyOptions, Desired, Draft, RequestOptions } from './apiClient.ts';
import { ApiError, isNotFound } from './apiError.ts';
import type { ClientOptions } from './caller.ts';
import { createCaller } from './caller.ts';
import { Pods } from './core.ts';
import { listAll } from './pages.ts';
import { pathOf, requestFields, whereOf } from './requestParts.ts';
import type { KubeObject, ObjectMeta, ResourceType } from './resource.ts';
import { apiVersionOf, keyOf, resourcePath } from './resource.ts';
import { recordDelete, recordWrite } from './writes.ts';

export type * from './apiClient.ts';
export { ApiError, isAlreadyExists, isConflict, isInvalid, isNotFound } from './apiError.ts';
export type { ClientOptions } from './caller.ts';

const APPLY = 'application/apply-patch+yaml';
const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';

export function createClient(options: ClientOptions): ApiClient {
  const caller = createCaller(options);

  function json<R>(request: ApiRequest): Promise<R> {
    return caller.call(request, async (body) => JSON.parse(await body.text()) as R);
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

    list: (type, listOptions) => listAll(caller, type, listOptions),

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
