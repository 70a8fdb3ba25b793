/**
 * A tiny API server for tests: real HTTP, versions, watches with bookmarks, paging, server-side apply, finalizers,
 * preconditions, and faults on demand. It validates nothing and knows no RBAC; what matters about a real server is
 * tested against a real one.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import type { KubeObject, ResourceType } from '../resource.ts';
import { apiVersionOf, keyOf, parseKey, resourcePath, typeName } from '../resource.ts';
import type { Preconditions } from './fakeStorage.ts';
import { FakeStorage, Refusal } from './fakeStorage.ts';
import { FakeWatch } from './fakeWatch.ts';
import type { Fault, WatchBreak } from './faults.ts';
import { cutAfter, FaultPlan } from './faults.ts';
import type { PatchOperation } from './json.ts';
import { clone, isObject, jsonPatch, mergePatch } from './json.ts';
import { fieldMatcher, labelMatcher } from './selectors.ts';
import type { ListKeys } from './ssa.ts';
import { ApplyConflict, coreListKeys, disown, serverSideApply } from './ssa.ts';

export interface FakeApiOptions {
  types: readonly ResourceType<KubeObject>[];
  clock?: Clock;
  /** Lists of custom resources that merge by keys, by field name. */
  listKeys?: ListKeys;
  /** Types without a status subresource, by plural name. Core types other than pods and namespaces have none. */
  withoutStatus?: readonly string[];
}

export interface SeenRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
}

interface Target {
  type: ResourceType<KubeObject>;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

const CORE_WITH_STATUS = ['pods', 'namespaces'];

export class FakeApi {
  readonly storage: FakeStorage;
  readonly requests: SeenRequest[] = [];
  private readonly options: FakeApiOptions;
  private readonly server: Server;
  private readonly faults = new FaultPlan();
  private readonly watches = new Set<FakeWatch>();
  private readonly continues = new Map<string, { objects: KubeObject[]; version: number }>();
  private readonly logs = new Map<string, string>();
  private serial = 0;
  /** TCP connections accepted since the start. */
  connections = 0;

  constructor(options: FakeApiOptions) {
    this.options = options;
    this.storage = new FakeStorage(options.clock ?? systemClock);
    this.server = createServer((request, response) => void this.serve(request, response));
    this.server.on('connection', () => {
      this.connections += 1;
    });
    this.storage.subscribe((entry) => {
      for (const watch of this.watches) watch.deliver(entry);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  /** Answers the next matching requests with a fault. */
  fault(fault: Fault): void {
    this.faults.add(fault);
  }

  clearFaults(): void {
    this.faults.clear();
  }

  /** Breaks the watches under way, of one kind (plural name) or all. Returns how many there were. */
  breakWatches(how: WatchBreak, plural?: string): number {
    const broken = [...this.watches].filter((watch) => plural === undefined || watch.plural === plural);
    for (const watch of broken) watch.break(how);
    return broken.length;
  }

  /** Sends a bookmark to every watch that asked for them. */
  bookmark(): void {
    for (const watch of this.watches) watch.bookmark(this.storage.version);
  }

  get openWatches(): number {
    return this.watches.size;
  }

  // Another actor's hands, without HTTP.

  create<T extends KubeObject>(type: ResourceType<T>, draft: Omit<T, 'apiVersion' | 'kind'>): T {
    return clone(this.storage.create(type, draft as unknown as KubeObject)) as T;
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: string): T | undefined {
    return clone(this.storage.get(type, key)) as T | undefined;
  }

  list<T extends KubeObject>(type: ResourceType<T>): T[] {
    return clone(this.storage.list(type)) as T[];
  }

  /** Changes an object, status included. */
  update<T extends KubeObject>(type: ResourceType<T>, key: string, change: (object: T) => void): T {
    const object = this.get(type, key);
    if (!object) throw new Error(`${typeName(type)} ${key} does not exist`);
    change(object);
    return clone(this.storage.update(type, disown(object))) as T;
  }

  delete(type: ResourceType<KubeObject>, key: string): void {
    this.storage.delete(type, key);
  }

  setLog(podKey: string, container: string, text: string): void {
    this.logs.set(`${podKey}/${container}`, text);
  }

  /** Deletes what lost all its owners, as the garbage collector does. Returns how many objects. */
  collectGarbage(): number {
    const all = this.options.types.flatMap((type) => this.storage.list(type).map((object) => ({ type, object })));
    const alive = new Set(all.map(({ object }) => object.metadata.uid));
    const orphans = all.filter(({ object }) => {
      const owners = object.metadata.ownerReferences ?? [];
      return owners.length > 0 && owners.every((owner) => !alive.has(owner.uid)) && !object.metadata.deletionTimestamp;
    });
    for (const { type, object } of orphans) this.storage.delete(type, keyOf(object));
    return orphans.length;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const query = Object.fromEntries(url.searchParams);
    const method = request.method ?? 'GET';
    const isWatch = query.watch === 'true' || query.watch === '1';
    const text = await readBody(request);
    const body = text === '' ? undefined : (JSON.parse(text) as unknown);
    this.requests.push({ method, path: url.pathname, query, body });
    const fault = this.faults.take(method, url.pathname, isWatch);
    if (fault === 'silence') return;
    if (fault === 'reset') {
      request.socket.destroy();
      return;
    }
    if (typeof fault === 'object' && 'status' in fault) {
      if (fault.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(fault.retryAfterSeconds));
      if (fault.plainText !== undefined) response.writeHead(fault.status).end(fault.plainText);
      else sendStatus(response, fault.status, fault.reason ?? 'Injected', fault.message ?? 'an injected fault');
      return;
    }
    try {
      const target = this.parse(url.pathname);
      if (isWatch && method === 'GET') {
        this.watch(target, query, response);
        return;
      }
      const answer = this.handle(method, target, query, body, request.headers['content-type'] ?? '');
      if (fault === 'lose-answer') request.socket.destroy();
      else if (fault) cutAfter(response, fault.resetAfterBytes, JSON.stringify(answer.body));
      else send(response, answer.status, answer.body);
    } catch (error) {
      if (error instanceof Refusal) sendStatus(response, error.status, error.reason, error.message);
      else sendStatus(response, 500, 'InternalError', String(error));
    }
  }

  private parse(path: string): Target {
    for (const type of this.options.types) {
      const root = resourcePath(type).slice(0, -type.plural.length - 1);
      if (!path.startsWith(`${root}/`)) continue;
      const steps = path
        .slice(root.length + 1)
        .split('/')
        .map(decodeURIComponent);
      const namespace = type.namespaced && steps[0] === 'namespaces' && steps.length > 2 ? steps[1] : undefined;
      const [plural, name, subresource] = namespace === undefined ? steps : steps.slice(2);
      if (plural === type.plural) return { type, namespace, name, subresource };
    }
    throw new Refusal(404, 'NotFound', `the server could not find the requested resource ${path}`);
  }

  private handle(
    method: string,
    target: Target,
    query: Record<string, string>,
    body: unknown,
    contentType: string,
  ): { status: number; body: unknown } {
    const { type, namespace, name, subresource } = target;
    if (name === undefined) {
      if (method === 'GET') return { status: 200, body: this.page(target, query) };
      if (method === 'POST') return { status: 201, body: this.post(target, body as KubeObject) };
      throw new Refusal(405, 'MethodNotAllowed', `${method} is not supported on a collection`);
    }
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    if (method === 'GET' && subresource === 'log')
      return { status: 200, body: this.logs.get(`${key}/${query.container}`) ?? '' };
    if (method === 'DELETE')
      return this.remove(type, key, (body as { preconditions?: Preconditions } | undefined)?.preconditions);
    const live = this.storage.get(type, key);
    if (method === 'PATCH' && contentType.includes('apply-patch'))
      return this.apply(target, key, live, query, body as KubeObject);
    if (!live) throw new Refusal(404, 'NotFound', `${typeName(type)} "${name}" not found`);
    if (method === 'GET') return { status: 200, body: live };
    const next = method === 'PUT' ? (body as KubeObject) : patched(live, body, contentType);
    return { status: 200, body: this.storage.update(type, disown(this.limitTo(target, next, live))) };
  }

  /** The status changes through its subresource, and only there. */
  private limitTo({ type, subresource }: Target, next: KubeObject, live: KubeObject): KubeObject {
    if (!this.hasStatus(type)) return next;
    const { status, ...rest } = next as KubeObject & { status?: unknown };
    const { status: old, ...liveRest } = live as KubeObject & { status?: unknown };
    const kept = subresource === 'status' ? status : old;
    const base: KubeObject =
      subresource === 'status'
        ? {
            ...liveRest,
            metadata: { ...liveRest.metadata, ...pick(next.metadata, ['resourceVersion', 'uid', 'managedFields']) },
          }
        : rest;
    return kept === undefined ? base : ({ ...base, status: kept } as KubeObject);
  }

  private hasStatus(type: ResourceType<KubeObject>): boolean {
    if (this.options.withoutStatus?.includes(type.plural)) return false;
    return type.group.includes('.')
      ? type.group !== 'coordination.k8s.io' && type.group !== 'events.k8s.io'
      : CORE_WITH_STATUS.includes(type.plural);
  }

  private post({ type, namespace }: Target, draft: KubeObject): KubeObject {
    const object = clone(draft);
    if (!object.metadata?.name) throw new Refusal(422, 'Invalid', 'metadata.name: Required value');
    if (type.namespaced && namespace !== undefined) object.metadata.namespace = namespace;
    if (this.hasStatus(type)) delete (object as { status?: unknown }).status;
    delete object.metadata.resourceVersion;
    return this.storage.create(type, object);
  }

  private apply(
    target: Target,
    key: string,
    live: KubeObject | undefined,
    query: Record<string, string>,
    applied: KubeObject,
  ): { status: number; body: unknown } {
    const { type, subresource } = target;
    if (!query.fieldManager)
      throw new Refusal(422, 'Invalid', 'fieldManager: Required value: is required for apply patch');
    if (!live && subresource !== undefined) throw new Refusal(404, 'NotFound', `${typeName(type)} "${key}" not found`);
    if (!live && (applied.metadata.uid ?? applied.metadata.resourceVersion)) {
      throw new Refusal(
        409,
        'Conflict',
        `uid mismatch: the provided object specified uid ${applied.metadata.uid}, and no existing object was found`,
      );
    }
    const base = live ?? ({ apiVersion: apiVersionOf(type), kind: type.kind, metadata: nameOf(key) } as KubeObject);
    const result = this.runApply(base, applied, query, subresource);
    if (!live) return { status: 201, body: this.storage.create(type, this.limitTo(target, result, base)) };
    const next = this.limitTo(target, result, live);
    // Only these two make an apply conditional; the rest of the metadata is the live object's.
    next.metadata = { ...next.metadata, ...pick(applied.metadata, ['resourceVersion', 'uid']) };
    if (applied.metadata.resourceVersion === undefined) delete next.metadata.resourceVersion;
    return { status: 200, body: this.storage.update(type, next) };
  }

  private runApply(
    base: KubeObject,
    applied: KubeObject,
    query: Record<string, string>,
    subresource: string | undefined,
  ): KubeObject {
    try {
      return serverSideApply(base, applied, {
        manager: query.fieldManager ?? '',
        force: query.force === 'true',
        ...(subresource === undefined ? {} : { subresource }),
        listKeys: { ...coreListKeys, ...this.options.listKeys },
      });
    } catch (error) {
      if (error instanceof ApplyConflict) throw new Refusal(409, 'Conflict', error.message);
      throw error;
    }
  }

  private remove(
    type: ResourceType<KubeObject>,
    key: string,
    preconditions?: Preconditions,
  ): { status: number; body: unknown } {
    const uid = this.storage.get(type, key)?.metadata.uid;
    const left = this.storage.delete(type, key, preconditions);
    return { status: 200, body: left ?? { apiVersion: 'v1', kind: 'Status', status: 'Success', details: { uid } } };
  }

  private matcher({ type, namespace }: Target, query: Record<string, string>): (object: KubeObject) => boolean {
    const byLabel = labelMatcher(query.labelSelector);
    const byField = fieldMatcher(query.fieldSelector);
    return (object) =>
      (!type.namespaced || namespace === undefined || object.metadata.namespace === namespace) &&
      byLabel(object) &&
      byField(object);
  }

  private page(target: Target, query: Record<string, string>): unknown {
    const { type } = target;
    const head = { apiVersion: apiVersionOf(type), kind: `${type.kind}List` };
    const cached = query.continue === undefined ? undefined : this.continues.get(query.continue);
    if (query.continue !== undefined && !cached)
      throw new Refusal(410, 'Expired', 'The provided continue parameter is too old');
    const { objects, version } = cached ?? {
      objects: this.storage.list(type).filter(this.matcher(target, query)),
      version: this.storage.version,
    };
    const limit = query.resourceVersion === '0' ? 0 : Number(query.limit ?? 0);
    const metadata: Record<string, unknown> = { resourceVersion: String(version) };
    if (limit > 0 && objects.length > limit) {
      this.serial += 1;
      const token = `page-${this.serial}`;
      this.continues.set(token, { objects: objects.slice(limit), version });
      metadata.continue = token;
    }
    const items = (limit > 0 ? objects.slice(0, limit) : objects).map(({ apiVersion: _a, kind: _k, ...rest }) => rest);
    return { ...head, metadata, items };
  }

  /** Makes every continue token invalid. */
  expirePages(): void {
    this.continues.clear();
  }

  private watch(target: Target, query: Record<string, string>, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watch = new FakeWatch(
      target.type,
      this.matcher(target, query),
      query.allowWatchBookmarks === 'true',
      response,
    );
    const version = Number(query.resourceVersion ?? 0);
    const missed = this.storage.since(version);
    if (!missed) {
      watch.error(410, 'Expired', `too old resource version: ${version}`);
      response.end();
      return;
    }
    for (const entry of missed) watch.deliver(entry);
    this.watches.add(watch);
    const timer = setTimeout(() => response.end(), Number(query.timeoutSeconds ?? 1800) * 1000).unref();
    response.on('close', () => {
      clearTimeout(timer);
      this.watches.delete(watch);
    });
  }
}

function patched(live: KubeObject, body: unknown, contentType: string): KubeObject {
  if (!contentType.includes('json-patch')) return mergePatch(live, body) as KubeObject;
  try {
    return jsonPatch(live, body as PatchOperation[]) as KubeObject;
  } catch {
    // As little as the real server says.
    throw new Refusal(422, 'Invalid', 'the server rejected our request due to an error in our request');
  }
}

function nameOf(key: string): KubeObject['metadata'] {
  const { namespace, name } = parseKey(key);
  return namespace === undefined ? { name } : { name, namespace };
}

function pick<T extends object>(from: T, names: (keyof T)[]): Partial<T> {
  return Object.fromEntries(
    names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]),
  ) as Partial<T>;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': isObject(body) ? 'application/json' : 'text/plain' });
  response.end(text);
}

function sendStatus(response: ServerResponse, status: number, reason: string, message: string): void {
  send(response, status, { apiVersion: 'v1', kind: 'Status', status: 'Failure', code: status, reason, message });
}

/** A started server; stop it in the test's end. */
export async function startFakeApi(options: FakeApiOptions): Promise<FakeApi> {
  const api = new FakeApi(options);
  await api.start();
  return api;
}
