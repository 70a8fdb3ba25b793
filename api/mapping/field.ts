/**
 * One row for each field that clients of Copr know: what they call it, where a resource has it, and both conversions.
 * Routes make their forms, patches and answers from these rows, and docs/reference/rest/mapping.md is written from them.
 */
import type { z } from 'zod';

/** Beside the resource itself, what conversions depend on. */
export interface MappingContext {
  /** Milliseconds since the epoch. */
  now: number;
  /** As users reach the results, without a trailing slash. */
  resultsURL: string;
  /** Names of the chroots in which something can be built. */
  activeChroots: ReadonlySet<string>;
}

export interface FieldRow {
  /** Key of the form when something is added. */
  add?: string;
  /** Key of the form when it is edited. */
  edit?: string;
  /** Key in answers. */
  answer?: string;
  /** In the resource, such as `spec.options.network`; in words for what has no place of its own. */
  place: string;
  /** For the documentation: type in the API, such as `[str]`. */
  type: string;
  sentence: string;
  /** Of the value in forms. */
  schema?: z.ZodType;
  /** The value at `place` for a value of a form. `null`: none. `current`: what is at the place now. */
  fromAPI?: (value: unknown, current: unknown, context: MappingContext) => unknown;
  /** The value in answers (and forms) for the value at `place`, which is undefined when there is none. */
  toAPI?: (value: unknown, context: MappingContext) => unknown;
}

/** A row whose value stands at its place, and can be read and written. */
export type MappedRow = FieldRow & Required<Pick<FieldRow, 'fromAPI' | 'toAPI' | 'schema'>>;

export function isMapped(row: FieldRow): row is MappedRow {
  return row.fromAPI !== undefined && row.toAPI !== undefined && row.schema !== undefined;
}

/** The value at a path such as `spec.options.network`. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Sets the value at a path; objects on the way are made. */
export function setAt(object: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let at = object;
  for (const name of names) {
    const next = (at[name] ?? {}) as Record<string, unknown>;
    at[name] = next;
    at = next;
  }
  at[last] = value;
}

/** The shape of a form, of all rows that have a key in it. */
export function formShape(rows: readonly FieldRow[], form: 'add' | 'edit'): Record<string, z.ZodType> {
  const shape: Record<string, z.ZodType> = {};
  for (const row of rows) {
    const key = row[form];
    if (key !== undefined && row.schema !== undefined) shape[key] = row.schema.optional().describe(row.sentence);
  }
  return shape;
}

/**
 * A merge patch with the fields of a parsed form that were given and change something, relative to `current`. It is
 * empty when nothing changes.
 */
export function patchFrom(
  rows: readonly FieldRow[],
  form: 'add' | 'edit',
  body: Readonly<Record<string, unknown>>,
  current: unknown,
  context: MappingContext,
): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const row of rows) {
    const key = row[form];
    const value = key === undefined ? undefined : body[key];
    if (value === undefined || row.fromAPI === undefined) continue;
    const before = valueAt(current, row.place);
    const after = row.fromAPI(value, before, context);
    if (JSON.stringify(before ?? null) !== JSON.stringify(after)) setAt(patch, row.place, after);
  }
  return patch;
}

/** A patch as the content of a new object: without what is null. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])),
  );
}
