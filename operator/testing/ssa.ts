/**
 * Server-side apply, small: one manager's fields are merged, the ones it dropped are removed unless somebody else
 * applied them too, foreign fields conflict unless forced. Ownership is recorded for applies only, in the real format.
 */
import { isDeepStrictEqual } from 'node:util';

import type { KubeObject } from '../resource.ts';
import type { FieldSet } from '../transform.ts';
import type { Json } from './json.ts';
import { clone, isObject } from './json.ts';

/** Lists that merge by keys, or (with no keys) as sets, by the name of their field. Others are replaced whole. */
export type ListKeys = Record<string, readonly string[]>;

export const coreListKeys: ListKeys = {
  conditions: ['type'],
  ownerReferences: ['uid'],
  finalizers: [],
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
};

export interface ManagedEntry {
  manager: string;
  operation: string;
  subresource?: string;
  apiVersion: string;
  fieldsType: 'FieldsV1';
  fieldsV1: FieldSet;
}

export class ApplyConflict extends Error {
  readonly fields: string[];
  constructor(fields: string[], manager: string) {
    super(`Apply failed with ${fields.length} conflict(s): conflicts with "${manager}": ${fields.join(', ')}`);
    this.fields = fields;
  }
}

export interface ApplyRequest {
  manager: string;
  force: boolean;
  subresource?: string;
  listKeys: ListKeys;
}

/** The object after the apply; `live` is not changed. */
export function serverSideApply(live: KubeObject, applied: KubeObject, request: ApplyRequest): KubeObject {
  const { manager, force, subresource, listKeys } = request;
  const entries = clone((live.metadata.managedFields ?? []) as ManagedEntry[]);
  const isOwn = (entry: ManagedEntry): boolean =>
    entry.manager === manager && (entry.subresource ?? undefined) === subresource;
  const content = ownable(applied, subresource);
  const wanted = fieldsOf(content, listKeys, '');
  const others = entries.filter((entry) => !isOwn(entry));

  for (const other of others) {
    const conflicts = findConflicts(content, live as unknown as Json, wanted, other.fieldsV1, '');
    if (conflicts.length > 0 && !force) throw new ApplyConflict(conflicts, other.manager);
    if (conflicts.length > 0) release(content, live as unknown as Json, wanted, other.fieldsV1);
  }
  const result = clone(live) as unknown as Json;
  const previous = entries.find(isOwn)?.fieldsV1;
  if (previous)
    prune(
      result,
      previous,
      wanted,
      others.map((entry) => entry.fieldsV1),
    );
  merge(result, content, wanted);
  const own: ManagedEntry = {
    manager,
    operation: 'Apply',
    ...(subresource === undefined ? {} : { subresource }),
    apiVersion: applied.apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: wanted,
  };
  const metadata = result.metadata as Json;
  metadata.managedFields = [...others.filter((entry) => Object.keys(entry.fieldsV1).length > 0), own];
  return result as unknown as KubeObject;
}

/** Takes fields that are gone from the object away from who applied them, as every write does. */
export function disown(object: KubeObject): KubeObject {
  const result = clone(object);
  const entries = (result.metadata.managedFields ?? []) as ManagedEntry[];
  for (const entry of entries) dropMissing(entry.fieldsV1, result);
  return result;
}

function dropMissing(fields: FieldSet, value: unknown): void {
  for (const member of Object.keys(fields)) {
    if (member === '.') continue;
    const found = step(value, member);
    if (found === undefined) delete fields[member];
    else dropMissing(fields[member] as FieldSet, found);
  }
}

function ownable(applied: KubeObject, subresource: string | undefined): Json {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = applied as unknown as Json & { metadata: Json };
  if (subresource === 'status') return { status: rest.status };
  const kept = Object.fromEntries(
    Object.entries(metadata).filter(([name]) =>
      ['labels', 'annotations', 'finalizers', 'ownerReferences'].includes(name),
    ),
  );
  return Object.keys(kept).length > 0 ? { ...rest, metadata: kept } : rest;
}

function fieldsOf(value: unknown, listKeys: ListKeys, name: string): FieldSet {
  const fields: FieldSet = {};
  if (isObject(value)) {
    for (const [member, item] of Object.entries(value)) fields[`f:${member}`] = fieldsOf(item, listKeys, member);
    return fields;
  }
  const keys = listKeys[name];
  if (!Array.isArray(value) || !keys) return fields;
  for (const item of value) {
    if (keys.length === 0) fields[`v:${JSON.stringify(item)}`] = {};
    else if (isObject(item)) {
      const id = Object.fromEntries(keys.map((key) => [key, item[key]]));
      fields[`k:${JSON.stringify(id)}`] = { '.': {}, ...fieldsOf(item, listKeys, '') };
    }
  }
  return fields;
}

/** The value a member of a field set leads to. */
function step(value: unknown, member: string): unknown {
  if (member.startsWith('f:')) return isObject(value) ? value[member.slice(2)] : undefined;
  if (!Array.isArray(value)) return undefined;
  const wanted: unknown = JSON.parse(member.slice(2));
  if (member.startsWith('v:')) return value.find((item) => isDeepStrictEqual(item, wanted));
  return value.find((item) => isObject(item) && Object.entries(wanted as Json).every(([key, v]) => item[key] === v));
}

function findConflicts(content: unknown, live: unknown, wanted: FieldSet, theirs: FieldSet, path: string): string[] {
  return Object.keys(wanted).flatMap((member) => {
    const other = theirs[member];
    if (member === '.' || other === undefined) return [];
    const [mine, now] = [step(content, member), step(live, member)];
    const where = `${path}.${member.slice(2)}`;
    if (Object.keys(wanted[member] as FieldSet).length === 0) return isDeepStrictEqual(mine, now) ? [] : [where];
    return findConflicts(mine, now, wanted[member] as FieldSet, other, where);
  });
}

/** Takes the fields whose values change away from their other owner. */
function release(content: unknown, live: unknown, wanted: FieldSet, theirs: FieldSet): void {
  for (const member of Object.keys(wanted)) {
    const other = theirs[member];
    if (member === '.' || other === undefined) continue;
    const [mine, now] = [step(content, member), step(live, member)];
    if (Object.keys(wanted[member] as FieldSet).length > 0) release(mine, now, wanted[member] as FieldSet, other);
    else if (!isDeepStrictEqual(mine, now)) delete theirs[member];
  }
}

function prune(live: unknown, previous: FieldSet, wanted: FieldSet, others: FieldSet[]): void {
  for (const member of Object.keys(previous)) {
    if (member === '.') continue;
    const before = previous[member] as FieldSet;
    const after = wanted[member];
    const shared = others.map((other) => other[member]).filter((other) => other !== undefined);
    if (after === undefined && shared.length === 0) remove(live, member);
    else if (Object.keys(before).length > 0) prune(step(live, member), before, after ?? {}, shared);
  }
}

function remove(live: unknown, member: string): void {
  if (member.startsWith('f:')) {
    if (isObject(live)) delete live[member.slice(2)];
  } else if (Array.isArray(live)) {
    const index = live.indexOf(step(live, member));
    if (index >= 0) live.splice(index, 1);
  }
}

function merge(live: Json, content: Json, wanted: FieldSet): void {
  for (const [name, value] of Object.entries(content)) {
    const fields = wanted[`f:${name}`] as FieldSet;
    const now = live[name];
    if (isObject(value)) {
      if (!isObject(now)) live[name] = {};
      merge(live[name] as Json, value, fields);
    } else if (Array.isArray(value) && Object.keys(fields).length > 0) {
      if (!Array.isArray(now)) live[name] = [];
      mergeList(live[name] as unknown[], fields, value);
    } else {
      live[name] = clone(value);
    }
  }
}

function mergeList(live: unknown[], fields: FieldSet, value: unknown[]): void {
  for (const [member, children] of Object.entries(fields)) {
    const item = step(value, member);
    const now = step(live, member);
    if (now === undefined) live.push(clone(item));
    else if (isObject(now) && isObject(item)) merge(now, item, children);
  }
}
