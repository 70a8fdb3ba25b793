/**
 * The building blocks of the schemas of queries and bodies: they take what clients of Copr send (JSON or form fields)
 * and give typed values. null never reaches them: a key with null counts as absent. All may be followed by
 * `.optional()`, `.default(…)`, `.refine(…)` and `.describe(…)`.
 */
import { z } from 'zod';
import type { RawFields } from './route.ts';

/** How many characters one field may have, unless it says otherwise. */
const LONG = 65_536;

/** Lists become one string, its parts separated by blanks; numbers and booleans their text. Anything else is returned as it is. */
function joined(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.every(isScalar) ? value.map(String).join(' ') : value;
  }
  return isScalar(value) ? String(value) : value;
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

// PostgreSQL cannot hold NUL, and half a surrogate pair cannot be written as UTF-8.
function isStorable(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

const storable = { error: 'must not contain NUL characters or broken Unicode' };

/** One line of text, trimmed. A list is joined with blanks. */
export function text(max = 4096): z.ZodType<string> {
  return z.preprocess(
    joined,
    z.string({ error: 'must be text' }).trim().max(max, tooLong(max)).refine(isStorable, storable),
  );
}

/** Text of several lines: not trimmed; CRLF becomes LF. */
export function lines(max = LONG): z.ZodType<string> {
  return z.preprocess(
    (value) => {
      const one = joined(value);
      return typeof one === 'string' ? one.replaceAll('\r\n', '\n') : one;
    },
    z.string({ error: 'must be text' }).max(max, tooLong(max)).refine(isStorable, storable),
  );
}

function tooLong(max: number): { error: string } {
  return { error: `must not be longer than ${max} characters` };
}

/** `false`, `"false"` and `""` are false, every other value is true. */
export function bool(): z.ZodType<boolean> {
  return z.preprocess(
    (value) => (value === undefined ? value : !(value === false || value === 'false' || value === '')),
    z.boolean(),
  );
}

/** Of a query: `1`, `true` and `True` are true, everything else is false. */
export function flag(): z.ZodType<boolean> {
  return z.preprocess(
    (value) =>
      value === undefined
        ? value
        : value === true || value === 1 || value === 'True' || value === 'true' || value === '1',
    z.boolean(),
  );
}

/** A whole number, as such or as text. */
export function int(min = 0, max: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.preprocess(asNumber, z.int({ error }).min(min, { error }).max(max, { error }));
}

/** The same; `""` gives null, for fields that are cleared by it. */
export function intOrEmpty(min = 0, max: number = Number.MAX_SAFE_INTEGER): z.ZodType<number | null> {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.preprocess(
    (value) => (typeof value === 'string' && value.trim() === '' ? null : asNumber(value)),
    z.int({ error }).min(min, { error }).max(max, { error }).nullable(),
  );
}

function asNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value) ? Number(value) : value;
}

/** The number of a thing in a path or a query: what is not one, is a number that nothing has (404). `thing`: `Build`. */
export function id(thing: string): z.ZodType<number> {
  return z
    .unknown()
    .transform((value, context) => {
      const number = asNumber(value);
      if (typeof number === 'number' && Number.isSafeInteger(number) && number > 0) return number;
      const message = `${thing} ${shown(value)} does not exist.`;
      context.addIssue({ code: 'custom', message, params: { status: 404 } });
      return z.NEVER;
    })
    .meta({ type: 'integer', minimum: 1 });
}

function shown(value: unknown): string {
  // Nothing of unknown depth is written out: a value nested a hundred thousand times would overflow the stack.
  const one = isScalar(value) ? String(value) : 'of that kind';
  return one.length > 40 ? `${one.slice(0, 40)}…` : one;
}

/** Exactly one of some words. */
export function oneOf<const Word extends string>(words: readonly [Word, ...Word[]]): z.ZodType<Word> {
  return z.preprocess(
    (value) => (typeof value === 'string' ? value.trim() : value),
    z.enum(words, { error: `is not a valid choice for this field; it is one of ${words.join(', ')}` }),
  );
}

/** A list that stays one: of text, as JSON or as a repeated form field. A lone text is a list of one. */
export function list(maxItems = 1000): z.ZodType<string[]> {
  return z.preprocess(
    (value) => (Array.isArray(value) ? value.map((item) => (isScalar(item) ? String(item).trim() : item)) : [value]),
    z
      .array(z.string({ error: 'must be a list of text' }).max(4096, tooLong(4096)).refine(isStorable, storable))
      .max(maxItems, { error: `must not have more than ${maxItems} entries` }),
  );
}

/** Words: a list, or one text that is split at blanks (and at `also`, such as `,`). */
export function words(options: { also?: string; maxItems?: number } = {}): z.ZodType<string[]> {
  const maxItems = options.maxItems ?? 1000;
  return z.preprocess(
    (value) => {
      const one = joined(value);
      if (typeof one !== 'string') return value;
      const spaced = options.also === undefined ? one : one.replaceAll(options.also, ' ');
      return spaced.split(/\s+/).filter((word) => word !== '');
    },
    z
      .array(
        z.string({ error: 'must be text, or a list of text' }).max(4096, tooLong(4096)).refine(isStorable, storable),
      )
      .max(maxItems, { error: `must not have more than ${maxItems} entries` }),
  );
}

/** A list of the numbers of things, such as `builds` of `build/delete/list`. */
export function ids(maxItems = 1000): z.ZodType<number[]> {
  const error = 'must be a list of numbers';
  return z.preprocess(
    (value) => {
      if (typeof value === 'string')
        return value
          .split(/[\s,]+/)
          .filter((word) => word !== '')
          .map(asNumber);
      return Array.isArray(value) ? value.map(asNumber) : [asNumber(value)];
    },
    z.array(z.int({ error }).min(1, { error })).max(maxItems, { error: `must not have more than ${maxItems} entries` }),
  );
}

/** A field of a body that is not validated yet, for `access.on`; undefined when it is absent or no text. */
export function rawText(body: RawFields, name: string): string | undefined {
  const value = joined(body[name]);
  return typeof value === 'string' ? value.trim() : undefined;
}

/** What is never null: keys with null are as good as absent. */
export function withoutNulls(fields: RawFields): RawFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}
