/**
 * The API server as kopr uses it: raw JSON in and out, every request with a deadline, retries only where a repetition
 * cannot do harm, writes only as create, server-side apply, finalizer patch and delete. There is no PUT: it loses
 * other writers' updates and every field this version does not know.
 */
import type { Registry } from 'prom-client';

import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ClusterAccess } from './access.ts';
import { ApiError, apiErrorFrom, isNotFound } from './apiError.ts';
import { withDeadline } from './deadline.ts';
import type { ListHead } from './listScanner.ts';
import { ListScanner } from './listScanner.ts';
import { clientMetrics } from './metrics.ts';
import type { KubeObject, ObjectMeta, ResourceType } from './resource.ts';
import { apiVersionOf, keyOf, parseKey, resourcePath } from './resource.ts';
import type { RetryPolicy } from './retry.ts';
import { defaultRetryPolicy, retryDelayMs } from './retry.ts';
import type { Method, TransportResponse } from './transport.ts';
import { createTransport } from './transport.ts';
import { recordDelete, recordWrite } from './writes.ts';

export { ApiError, isAlreadyExists, isConflict, isForbidden, isGone, isInvalid, isNotFound } from './apiError.ts';

export type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T;

/** A new object; apiVersion and kind are filled in from the type. */
export type Draft<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind'> & { apiVersion?: string; kind?: string };

/** The fields one manager wants to hold, and nothing else. */
export type Desired<T extends KubeObject> = DeepPartial<Omit<T, 'metadata'>> & {
  metadata: Partial<ObjectMeta> & { name: string };
};

export interface RequestOptions {
  signal?: AbortSignal;
  /** Deadline of one attempt, body included. */
  timeoutMs?: number;
}

export interface ApiRequest extends RequestOptions {
  method: Method;
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  /** May be sent twice without harm. Default: GET, PUT and DELETE are. */
  idempotent?: boolean;
}

export interface ListOptions<T = unknown> extends RequestOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** "0" takes whatever the server's watch cache holds, which is cheap and may be old. Without it the list is current. */
  resourceVersion?: string;
  /** Objects a page. 0 asks for everything at once. */
  limit?: number;
  /** Applied to each item as it arrives, so that what is dropped never piles up. */
  transform?: (item: T) => T;
}

export interface ListResult<T> {
  items: T[];
  resourceVersion: string;
}

export interface ApplyOptions extends RequestOptions {
  /** Field manager: one per controller. */
  manager: string;
  /** Take over fields another manager holds. Default true: a controller applies only fields that are its own. */
  force?: boolean;
  subresource?: 'status';
  /** Refuse (409 Conflict) when the object is no longer at this version. */
  resourceVersion?: string;
}

export interface DeleteOptions extends RequestOptions {
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
}

export interface LogOptions {
  container?: string;
  follow?: boolean;
  sinceTime?: string;
  tailLines?: number;
  timestamps?: boolean;
  limitBytes?: number;
  previous?: boolean;
  signal?: AbortSignal;
}

export interface ApiClient {
  readonly server: string;
  /** Undefined when there is no such object. */
  get<T extends KubeObject>(type: ResourceType<T>, key: string, options?: RequestOptions): Promise<T | undefined>;
  /** Reads page by page and item by item. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions<T>): Promise<ListResult<T>>;
  /** Not repeated when its outcome is unknown: use deterministic names and treat AlreadyExists as success. */
  create<T extends KubeObject>(type: ResourceType<T>, obj: Draft<T>, options?: RequestOptions): Promise<T>;
  /**
   * Server-side apply. Fields this manager applied before and leaves out now are removed. An object that does not exist
   * is created, unless `metadata.uid` or a resourceVersion is given (409) or a subresource is applied (404).
   */
  apply<T extends KubeObject>(type: ResourceType<T>, obj: Desired<T>, options: ApplyOptions): Promise<T>;
  /** Replaces the finalizers of `obj` if it is still at the version that was read; otherwise 409 Conflict. */
  patchFinalizers<T extends KubeObject>(
    type: ResourceType<T>,
    obj: T,
    finalizers: readonly string[],
    options?: RequestOptions,
  ): Promise<T>;
  /** RFC 7386. Put resourceVersion into metadata to make it conditional. */
  mergePatch<T extends KubeObject>(
    type: ResourceType<T>,
    key: string,
    patch: unknown,
    options?: RequestOptions & { subresource?: 'status' },
  ): Promise<T>;
  /** False when the object (or, with `uid`, that very incarnation of it) was gone already. */
  delete<T extends KubeObject>(type: ResourceType<T>, key: string, options?: DeleteOptions): Promise<boolean>;
  /** The parsed JSON of any request, with deadline and retries. */
  request<R>(request: ApiRequest): Promise<R>;
  /** One attempt without a deadline; throws ApiError unless 2xx. The caller reads and ends the body. */
  stream(request: Pick<ApiRequest, 'path' | 'query' | 'signal'>): Promise<TransportResponse>;
  /** The text of a container's log, in chunks as they come. */
  podLog(key: string, options?: LogOptions): AsyncIterable<Buffer>;
  connectionsOpened(): number;
  close(): Promise<void>;
}

export interface ClientOptions {
  access: ClusterAccess;
  clock: Clock;
  log: Logger;
  registry: Registry;
  userAgent: string;
  /** Deadline of one attempt. Default 30 s. */
  timeoutMs?: number;
  retry?: Partial<RetryPolicy>;
  random?: () => number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const PAGE_SIZE = 500;
const APPLY = 'application/apply-patch+yaml';
const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';

export function createClient(options: ClientOptions): ApiClient {
  const { clock, log } = options;
  const random = options.random ?? Math.random;
  const policy = { ...defaultRetryPolicy, ...options.retry };
  const metrics = clientMetrics(options.registry);
  const transport = createTransport({ access: options.access, userAgent: options.userAgent, metrics });
  const host = new URL(transport.server).host;

  /** Sends, checks the status, and lets `read` consume the body, all within one deadline; again while policy allows. */
  async function call<R>(request: ApiRequest, read: (body: TransportResponse['body']) => Promise<R>): Promise<R> {
    const { method, path } = request;
    const idempotent = request.idempotent ?? (method === 'GET' || method === 'PUT' || method === 'DELETE');
    const timeoutMs = request.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let refreshed = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await withDeadline(
          { clock, ms: timeoutMs, what: `${method} ${path}`, signal: request.signal },
          async (signal) => {
            const response = await transport.send({ ...transportFields(request), signal });
            await throwUnlessSuccess(method, path, response);
            return read(response.body);
          },
        );
      } catch (error) {
        if (request.signal?.aborted) throw error;
        if (error instanceof ApiError && error.status === 401 && !refreshed) {
          refreshed = true;
          await transport.refreshCredentials();
          continue;
        }
        const delay = retryDelayMs(error, attempt, idempotent, policy, random());
        if (delay === undefined) throw error;
        metrics.retry(method, host);
        log.debug({ method, path, attempt, delayMs: Math.round(delay), err: error }, 'request will be repeated');
        await clock.sleep(delay, request.signal);
      }
    }
  }

  function json<R>(request: ApiRequest): Promise<R> {
    return call(request, async (body) => JSON.parse(await body.text()) as R);
  }

  async function listPage<T extends KubeObject>(
    type: ResourceType<T>,
    request: ApiRequest,
    items: T[],
    transform: (item: T) => T,
  ): Promise<ListHead> {
    const before = items.length;
    return call(request, async (body) => {
      // A repeated attempt must not leave the items of the broken one behind.
      items.length = before;
      const scanner = new ListScanner((item) => items.push(transform(withKind(type, item as T))));
      for await (const chunk of body) scanner.push(chunk as Buffer);
      return scanner.end();
    });
  }

  return {
    server: transport.server,
    connectionsOpened: () => transport.connectionsOpened(),
    close: () => transport.close(),
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
      const subset = applyOptions.subresource === 'status' ? statusOf(obj) : obj;
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
        // The server reports a failed `test` as 422 without a cause; to the caller it is what it is: a conflict.
        if (error instanceof ApiError && error.status === 422 && /test(ing)? .*failed/i.test(error.message)) {
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

    async stream(request) {
      const response = await transport.send({ ...transportFields({ method: 'GET', ...request }) });
      await throwUnlessSuccess('GET', request.path, response);
      return response;
    },

    async *podLog(key, logOptions = {}) {
      const { signal, ...query } = logOptions;
      const response = await this.stream({
        path: `${pathOf({ group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, key)}/log`,
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

function transportFields(request: ApiRequest): Parameters<ReturnType<typeof createTransport>['send']>[0] {
  return {
    method: request.method,
    path: request.path,
    ...(request.query === undefined ? {} : { query: request.query }),
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    ...(request.contentType === undefined ? {} : { contentType: request.contentType }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
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

async function throwUnlessSuccess(method: string, path: string, response: TransportResponse): Promise<void> {
  if (response.status >= 200 && response.status < 300) return;
  const retryAfter = response.headers['retry-after'];
  const header = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
  throw apiErrorFrom(method, path, response.status, await response.body.text(), header);
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
