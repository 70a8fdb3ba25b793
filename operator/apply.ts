/**
 * Server-side apply that is skipped when it certainly would change nothing. A no-op apply costs the server as much as
 * a write; most reconciles want exactly what is there already.
 */
import { isDeepStrictEqual } from 'node:util';

import type { ApiClient, ApplyOptions, Desired } from './client.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import type { FieldSet, OwnedFields } from './transform.ts';

export interface ApplyResult<T> {
  obj: T;
  /** False when nothing was sent, or the server found nothing to do. */
  changed: boolean;
}

/**
 * Applies `desired` unless `cached` shows that this manager applied exactly these fields before and they still hold
 * these values. `cached` is the object as the cache has it, or undefined when it does not exist.
 */
export async function applyIfChanged<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType<T>,
  cached: T | undefined,
  desired: Desired<T>,
  options: ApplyOptions,
): Promise<ApplyResult<T>> {
  if (cached && !wouldChange(cached, desired, options.manager, options.subresource))
    return { obj: cached, changed: false };
  const obj = await client.apply(type, desired, options);
  return { obj, changed: obj.metadata.resourceVersion !== cached?.metadata.resourceVersion };
}

/**
 * False only when the apply is certainly without effect. Judged by the fields this manager owns, so that a field it
 * applied before and wants no more (which has to be removed) counts as a change, and so do lists in which others own items.
 */
export function wouldChange<T extends KubeObject>(
  cached: T,
  desired: Desired<T>,
  manager: string,
  subresource?: 'status',
): boolean {
  const owned = ownedFields(cached, manager, subresource);
  if (!owned) return true;
  return !holds(applicable(desired, subresource), cached, owned);
}

function ownedFields(obj: KubeObject, manager: string, subresource: string | undefined): FieldSet | undefined {
  const entries = Array.isArray(obj.metadata.managedFields) ? (obj.metadata.managedFields as OwnedFields[]) : [];
  return entries.find(
    (entry) =>
      entry.manager === manager && entry.operation === 'Apply' && (entry.subresource || undefined) === subresource,
  )?.fieldsV1;
}

/** What of a desired object can be owned: not its identity, and only the status when that is what is applied. */
function applicable(desired: object, subresource: 'status' | undefined): Record<string, unknown> {
  const { metadata, apiVersion: _apiVersion, kind: _kind, ...rest } = desired as Record<string, unknown>;
  if (subresource === 'status') return { status: rest.status };
  const { name, namespace, uid, resourceVersion, managedFields, generation, creationTimestamp, ...meta } = (metadata ??
    {}) as Record<string, unknown>;
  void [name, namespace, uid, resourceVersion, managedFields, generation, creationTimestamp];
  delete rest.status;
  return Object.keys(meta).length > 0 ? { ...rest, metadata: meta } : rest;
}

/** True when `owned` is exactly the set of fields in `desired` and each has the desired value in `actual`. */
function holds(desired: unknown, actual: unknown, owned: FieldSet): boolean {
  const members = Object.keys(owned).filter((member) => member !== '.');
  if (members.length === 0) return isDeepStrictEqual(desired, actual);
  if (Array.isArray(desired)) return Array.isArray(actual) && listHolds(desired, actual, owned, members);
  if (!isRecord(desired) || !isRecord(actual)) return false;
  const wanted = Object.keys(desired).filter((name) => desired[name] !== undefined);
  if (wanted.length !== members.length) return false;
  return wanted.every((name) => {
    const child = owned[`f:${name}`];
    if (child === undefined) return false;
    // Ours, yet not there: the schema does not know the field and the server drops it, every time anew. (Somebody who
    // removes a field takes it away from its owners too.) Applying it again would change the version for nothing, and
    // the event of that would make us apply it again.
    return actual[name] === undefined || holds(desired[name], actual[name], child);
  });
}

/** Lists merge by the keys of their items ("k:") or are sets of values ("v:"). */
function listHolds(desired: unknown[], actual: unknown[], owned: FieldSet, members: string[]): boolean {
  if (desired.length !== members.length) return false;
  return members.every((member) => {
    if (member.startsWith('v:')) {
      const value: unknown = JSON.parse(member.slice(2));
      return includes(desired, value) && includes(actual, value);
    }
    if (!member.startsWith('k:')) return false;
    const keys = JSON.parse(member.slice(2)) as Record<string, unknown>;
    const want = desired.find((item) => hasKeys(item, keys));
    const have = actual.find((item) => hasKeys(item, keys));
    return want !== undefined && have !== undefined && holds(want, have, owned[member] as FieldSet);
  });
}

function includes(list: unknown[], value: unknown): boolean {
  return list.some((item) => isDeepStrictEqual(item, value));
}

function hasKeys(item: unknown, keys: Record<string, unknown>): boolean {
  return isRecord(item) && Object.entries(keys).every(([name, value]) => item[name] === value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
