/** What the fake server does with objects: reads in pages, creates, patches, server-side apply, deletions. */
import type { KubeObject, ResourceType } from '../resource.ts';
import { apiVersionOf, parseKey, typeName } from '../resource.ts';
import type { FakeStorage, Preconditions } from './fakeStorage.ts';
import { Refusal } from './fakeStorage.ts';
import type { Target } from './fakeTarget.ts';
import { matcherOf } from './fakeTarget.ts';
import type { PatchOperation } from './json.ts';
import { clone, jsonPatch, mergePatch } from './json.ts';
import type { ListKeys } from './ssa.ts';
import { ApplyConflict, coreListKeys, disown, serverSideApply } from './ssa.ts';

export interface FakeVerbsOptions {
  /** Lists of custom resources that merge by keys, by field name. */
  listKeys?: ListKeys;
  /** Types without a status subresource, by plural name. Core types other than pods and namespaces have none. */
  withoutStatus?: readonly string[];
}

const CORE_WITH_STATUS = ['pods', 'namespaces'];

export class FakeVerbs {
  private readonly storage: FakeStorage;
  private readonly options: FakeVerbsOptions;
  private readonly continues = new Map<string, { objects: KubeObject[]; version: number }>();
  private readonly logs = new Map<string, string>();
  private serial = 0;

  constructor(storage: FakeStorage, options: FakeVerbsOptions) {
    this.storage = storage;
    this.options = options;
  }

  setLog(podKey: string, container: string, text: string): void {
    this.logs.set(`${podKey}/${container}`, text);
  }

  /** Makes every continue token invalid. */
  expirePages(): void {
    this.continues.clear();
  }

  /** The answer to a request that is no watch. Throws Refusal. */
  handle(
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

  private page(target: Target, query: Record<string, string>): unknown {
    const { type } = target;
    const head = { apiVersion: apiVersionOf(type), kind: `${type.kind}List` };
    const cached = query.continue === undefined ? undefined : this.continues.get(query.continue);
    if (query.continue !== undefined && !cached)
      throw new Refusal(410, 'Expired', 'The provided continue parameter is too old');
    const { objects, version } = cached ?? {
      objects: this.storage.list(type).filter(matcherOf(target, query)),
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
