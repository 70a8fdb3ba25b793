/** The state behind the fake API server: objects, versions, history and watchers. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import type { Clock } from '../../lib/clock.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { KubeObject, ResourceType } from '../resource.ts';
import { apiVersionOf, keyOf, typeName } from '../resource.ts';
import { clone } from './json.ts';

export interface HistoryEntry {
  version: number;
  resource: string;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
  /** The state before, for watches with selectors. */
  before: KubeObject | undefined;
}

/** What the server answers instead of doing it. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

export class FakeStorage {
  private readonly clock: Clock;
  private readonly objects = new Map<string, Map<string, KubeObject>>();
  private readonly listeners = new Set<(entry: HistoryEntry) => void>();
  private history: HistoryEntry[] = [];
  /** Watches from before this version find their history gone. */
  private compacted = 0;
  version = 1;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get(type: ResourceType<KubeObject>, key: string): KubeObject | undefined {
    return this.objects.get(typeName(type))?.get(key);
  }

  list(type: ResourceType<KubeObject>): KubeObject[] {
    const all = [...(this.objects.get(typeName(type))?.values() ?? [])];
    return all.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  create(type: ResourceType<KubeObject>, draft: KubeObject): KubeObject {
    const key = keyOf(draft);
    if (this.get(type, key))
      throw new Refusal(409, 'AlreadyExists', `${typeName(type)} "${draft.metadata.name}" already exists`);
    const object = clone(draft);
    object.apiVersion = apiVersionOf(type);
    object.kind = type.kind;
    object.metadata.uid = randomUUID();
    object.metadata.generation = 1;
    object.metadata.creationTimestamp = toTimestamp(this.clock.now());
    delete object.metadata.deletionTimestamp;
    return this.commit(type, 'ADDED', object, undefined);
  }

  /** Stores `next` in place of the present state, bumping version and generation as far as something changed. */
  update(type: ResourceType<KubeObject>, next: KubeObject): KubeObject {
    const before = this.existing(type, keyOf(next));
    const object = clone(next);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      throw new Refusal(
        409,
        'Conflict',
        `the object has been modified; please apply your changes to the latest version`,
      );
    }
    if (object.metadata.uid !== undefined && object.metadata.uid !== before.metadata.uid) {
      throw new Refusal(
        409,
        'Conflict',
        `Precondition failed: UID in precondition: ${object.metadata.uid}, UID in object meta: ${before.metadata.uid}`,
      );
    }
    object.metadata = { ...object.metadata, ...identity(before) };
    if (isDeepStrictEqual(object, before)) return before;
    if (!isDeepStrictEqual(withoutMetaAndStatus(object), withoutMetaAndStatus(before))) {
      object.metadata.generation = (before.metadata.generation ?? 1) + 1;
    }
    if (object.metadata.deletionTimestamp && (object.metadata.finalizers ?? []).length === 0) {
      return this.drop(type, object, before);
    }
    return this.commit(type, 'MODIFIED', object, before);
  }

  /** Undefined when the object is gone at once; otherwise its state with a deletionTimestamp. */
  delete(type: ResourceType<KubeObject>, key: string, preconditions: Preconditions = {}): KubeObject | undefined {
    const before = this.existing(type, key);
    for (const field of ['uid', 'resourceVersion'] as const) {
      const wanted = preconditions[field];
      if (wanted !== undefined && wanted !== before.metadata[field]) {
        const name = field === 'uid' ? 'UID' : 'ResourceVersion';
        throw new Refusal(
          409,
          'Conflict',
          `the ${name} in the precondition (${wanted}) does not match the ${name} in record`,
        );
      }
    }
    if ((before.metadata.finalizers ?? []).length === 0) {
      this.drop(type, before, before);
      return undefined;
    }
    if (before.metadata.deletionTimestamp) return before;
    const object = clone(before);
    object.metadata.deletionTimestamp = toTimestamp(this.clock.now());
    return this.commit(type, 'MODIFIED', object, before);
  }

  subscribe(listener: (entry: HistoryEntry) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** What happened after `version`, or undefined when that is forgotten. */
  since(version: number): HistoryEntry[] | undefined {
    if (version < this.compacted) return undefined;
    return this.history.filter((entry) => entry.version > version);
  }

  /** Forgets history: who is not up to date must list again. */
  compact(): void {
    this.compacted = this.version;
    this.history = [];
  }

  /** Counts on as if other kinds of objects had been written. */
  skipVersions(n: number): void {
    this.version += n;
  }

  snapshot(): { version: number; objects: Map<string, Map<string, KubeObject>> } {
    return { version: this.version, objects: clone(this.objects) };
  }

  /**
   * Back to an earlier state, version included, as after a restore of etcd's backup. Nobody is told. The server was
   * started anew and knows no events from before the backup: watches from there must be refused, not left without them.
   */
  restore(snapshot: ReturnType<FakeStorage['snapshot']>): void {
    this.objects.clear();
    for (const [name, objects] of clone(snapshot.objects)) this.objects.set(name, objects);
    this.version = snapshot.version;
    this.history = [];
    this.compacted = snapshot.version;
  }

  private existing(type: ResourceType<KubeObject>, key: string): KubeObject {
    const object = this.get(type, key);
    if (!object) throw new Refusal(404, 'NotFound', `${typeName(type)} "${key}" not found`);
    return object;
  }

  private commit(
    type: ResourceType<KubeObject>,
    event: 'ADDED' | 'MODIFIED',
    object: KubeObject,
    before: KubeObject | undefined,
  ): KubeObject {
    this.version += 1;
    object.metadata.resourceVersion = String(this.version);
    const resource = typeName(type);
    const objects = this.objects.get(resource) ?? new Map<string, KubeObject>();
    objects.set(keyOf(object), object);
    this.objects.set(resource, objects);
    this.publish({ version: this.version, resource, type: event, object, before });
    return object;
  }

  private drop(type: ResourceType<KubeObject>, last: KubeObject, before: KubeObject): KubeObject {
    this.version += 1;
    const object = clone(last);
    object.metadata.resourceVersion = String(this.version);
    this.objects.get(typeName(type))?.delete(keyOf(object));
    this.publish({ version: this.version, resource: typeName(type), type: 'DELETED', object, before });
    return object;
  }

  private publish(entry: HistoryEntry): void {
    this.history.push(entry);
    for (const listener of this.listeners) listener(entry);
  }
}

/** What nobody can change from outside. */
function identity(object: KubeObject): Partial<KubeObject['metadata']> {
  const { uid, creationTimestamp, generation, resourceVersion, deletionTimestamp } = object.metadata;
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(generation === undefined ? {} : { generation }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

function withoutMetaAndStatus(object: KubeObject): unknown {
  const { metadata: _metadata, status: _status, ...rest } = object as KubeObject & { status?: unknown };
  return rest;
}
