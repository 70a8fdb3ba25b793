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
import { keyOf, typeName } from '../resource.ts';
import { readBody, send, sendStatus } from './fakeHttp.ts';
import { FakeStorage, Refusal } from './fakeStorage.ts';
import type { Target } from './fakeTarget.ts';
import { matcherOf, parseTarget } from './fakeTarget.ts';
import type { FakeVerbsOptions } from './fakeVerbs.ts';
import { FakeVerbs } from './fakeVerbs.ts';
import { FakeWatch } from './fakeWatch.ts';
import type { Fault, WatchBreak } from './faults.ts';
import { cutAfter, FaultPlan } from './faults.ts';
import { clone } from './json.ts';
import { disown } from './ssa.ts';

export interface FakeApiOptions extends FakeVerbsOptions {
  types: readonly ResourceType<KubeObject>[];
  clock?: Clock;
}

export interface SeenRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
}

export class FakeApi {
  readonly storage: FakeStorage;
  readonly requests: SeenRequest[] = [];
  private readonly options: FakeApiOptions;
  private readonly server: Server;
  private readonly faults = new FaultPlan();
  private readonly watches = new Set<FakeWatch>();
  private readonly verbs: FakeVerbs;
  /** TCP connections accepted since the start. */
  connections = 0;

  constructor(options: FakeApiOptions) {
    this.options = options;
    this.storage = new FakeStorage(options.clock ?? systemClock);
    this.verbs = new FakeVerbs(this.storage, options);
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
    this.verbs.setLog(podKey, container, text);
  }

  /** Makes every continue token invalid. */
  expirePages(): void {
    this.verbs.expirePages();
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
      const target = parseTarget(this.options.types, url.pathname);
      if (isWatch && method === 'GET') {
        this.watch(target, query, response);
        return;
      }
      const answer = this.verbs.handle(method, target, query, body, request.headers['content-type'] ?? '');
      if (fault === 'lose-answer') request.socket.destroy();
      else if (fault) cutAfter(response, fault.resetAfterBytes, JSON.stringify(answer.body));
      else send(response, answer.status, answer.body);
    } catch (error) {
      if (error instanceof Refusal) sendStatus(response, error.status, error.reason, error.message);
      else sendStatus(response, 500, 'InternalError', String(error));
    }
  }

  private watch(target: Target, query: Record<string, string>, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watch = new FakeWatch(target.type, matcherOf(target, query), query.allowWatchBookmarks === 'true', response);
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

/** A started server; stop it in the test's end. */
export async function startFakeApi(options: FakeApiOptions): Promise<FakeApi> {
  const api = new FakeApi(options);
  await api.start();
  return api;
}
