/** What a cached object is reduced to, and the guard against changing it by accident. */
import type { KubeObject } from './resource.ts';

/** The part of metav1.ManagedFieldsEntry that tells whether an apply would change anything. */
export interface OwnedFields {
  manager: string;
  operation: 'Apply';
  subresource?: string;
  fieldsV1: FieldSet;
}

/** metav1.FieldsV1: "f:name", "k:{…}", "v:…" lead to children; an empty object is an owned leaf. */
export interface FieldSet {
  [member: string]: FieldSet;
}

const MAX_SHAPES = 2_000;

/**
 * Drops managedFields (a quarter of an object's size) except what managers with `prefix` applied. Objects of one kind
 * have few distinct shapes of owned fields, so each shape is kept once.
 */
export function createTransform(prefix: string): <T extends KubeObject>(obj: T) => T {
  const shapes = new Map<string, FieldSet>();

  function intern(fields: FieldSet): FieldSet {
    const text = JSON.stringify(fields);
    const known = shapes.get(text);
    if (known) return known;
    if (shapes.size >= MAX_SHAPES) shapes.clear();
    shapes.set(text, deepFreeze(fields));
    return fields;
  }

  return (obj) => {
    const entries = obj.metadata.managedFields;
    delete obj.metadata.managedFields;
    const own: OwnedFields[] = [];
    for (const entry of Array.isArray(entries) ? (entries as OwnedFields[]) : []) {
      if (entry.operation !== 'Apply' || !entry.manager?.startsWith(prefix) || !entry.fieldsV1) continue;
      own.push({
        manager: entry.manager,
        operation: 'Apply',
        ...(entry.subresource ? { subresource: entry.subresource } : {}),
        fieldsV1: intern(entry.fieldsV1),
      });
    }
    if (own.length > 0) obj.metadata.managedFields = own;
    return deepFreeze(obj);
  };
}

/** Freezes JSON. Stops at what is frozen already. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
  return value;
}
