/** The API server as the rest of kopr sees it; client.ts makes it true. */
import type { Dispatcher } from 'undici';

import type { KubeObject, ObjectMeta, ResourceType } from './resource.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

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

export interface ApiResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Dispatcher.ResponseData['body'];
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
  stream(request: Pick<ApiRequest, 'path' | 'query' | 'signal'>): Promise<ApiResponse>;
  /** The text of a container's log, in chunks as they come. */
  podLog(key: string, options?: LogOptions): AsyncIterable<Buffer>;
  connectionsOpened(): number;
  close(): Promise<void>;
}
