import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { bool, flag, id, ids, int, intOrEmpty, lines, list, oneOf, rawText, text, words } from './fields.ts';
import { listAnswer, pageOf, pagingFields, slice } from './paging.ts';
import { normalise, rawQuery } from './validate.ts';

const RUNS = { numRuns: 500 };
const schema = z.object({
  text: text().optional(),
  lines: lines().optional(),
  bool: bool().optional(),
  flag: flag().optional(),
  int: int(0, 100).optional(),
  days: intOrEmpty(-1, 720).optional(),
  id: id('Build').optional(),
  list: list().optional(),
  words: words({ also: ',' }).optional(),
  ids: ids().optional(),
  one: oneOf(['a', 'b']).optional(),
});

test('no JSON value makes a schema throw, and what passes has the promised type', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(schema.shape)), fc.jsonValue()), (input) => {
      const parsed = schema.safeParse(normalise(input as Record<string, unknown>));
      if (!parsed.success) {
        expect(parsed.error.issues.every((issue) => issue.message.length > 0)).toBe(true);
        return;
      }
      const { data } = parsed;
      if (data.text !== undefined) expect(data.text).toBe(data.text.trim());
      if (data.int !== undefined) expect(Number.isInteger(data.int) && data.int >= 0 && data.int <= 100).toBe(true);
      if (data.id !== undefined) expect(Number.isSafeInteger(data.id) && data.id > 0).toBe(true);
      if (data.bool !== undefined) expect(typeof data.bool).toBe('boolean');
      for (const word of data.words ?? []) expect(word).toMatch(/^[^\s,]+$/);
    }),
    RUNS,
  );
});

test('a list of words is the same as its words joined by blanks', () => {
  const word = fc.stringMatching(/^[a-z0-9:/$.-]+$/);
  fc.assert(
    fc.property(fc.array(word), (all) => {
      expect(words().parse(all)).toEqual(all);
      expect(words().parse(all.join(' \n'))).toEqual(all);
      expect(text(100_000).parse(all)).toBe(all.join(' '));
    }),
    RUNS,
  );
});

test('null is absent and an alias yields to the name itself', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.option(fc.string())), (fields) => {
      const normal = normalise(fields);
      for (const [name, value] of Object.entries(fields)) expect(Object.hasOwn(normal, name)).toBe(value !== null);
    }),
    RUNS,
  );
  expect(normalise({ a: 1, b: 2 }, { a: 'b' })).toEqual({ b: 2 });
  expect(normalise({ a: 1, b: null }, { a: 'b' })).toEqual({ b: 1 });
});

test('text is stored as it is, or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const parsed = lines().safeParse(value);
      expect(parsed.success).toBe(!value.includes('\0') && value.isWellFormed());
      if (parsed.success) expect(parsed.data).toBe(value.replaceAll('\r\n', '\n'));
    }),
    RUNS,
  );
});

describe('booleans', () => {
  test.each([
    [false, false],
    ['false', false],
    ['', false],
    [true, true],
    ['true', true],
    ['on', true],
    ['False', true],
    [0, true],
    [[], true],
  ])('%j is %s', (value, expected) => expect(bool().parse(value)).toBe(expected));

  test.each([
    ['True', true],
    ['true', true],
    ['1', true],
    ['False', false],
    ['', false],
    ['yes', false],
  ])('as a flag of a query %j is %s', (value, expected) => expect(flag().parse(value)).toBe(expected));

  test('an absent one is not true by accident', () => {
    expect(z.object({ a: bool() }).safeParse({}).success).toBe(false);
    expect(z.object({ a: bool().default(false) }).parse({})).toEqual({ a: false });
  });
});

test('numbers are taken as such and as text, nothing else is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 }), (number) => {
      expect(int(0, 100).parse(number)).toBe(number);
      expect(int(0, 100).parse(` ${number} `)).toBe(number);
    }),
    RUNS,
  );
  for (const wrong of ['', '1.0', '0x1', '1e3', 101, -1, 1.5, true, [1], {}, Number.NaN, '9'.repeat(400)]) {
    expect(int(0, 100).safeParse(wrong).success).toBe(false);
  }
  expect(intOrEmpty(-1, 720).parse('')).toBe(null);
});

test('a raw text is read before validation', () => {
  expect(rawText({ a: ' x ' }, 'a')).toBe('x');
  expect(rawText({ a: ['x', 'y'] }, 'a')).toBe('x y');
  expect(rawText({ a: {} }, 'a')).toBe(undefined);
  expect(rawText({}, 'toString')).toBe(undefined);
});

test('a query keeps what is repeated', () => {
  expect(rawQuery('f[]=a&f[]=b&x=1&y')).toEqual({ 'f[]': ['a', 'b'], x: '1', y: '' });
});

describe('paging', () => {
  const query = z.object(pagingFields(['id', 'name']));

  test('whatever is asked for, the page is a part of the whole, in order, and meta says which', () => {
    const all = Array.from({ length: 50 }, (_, index) => index);
    fc.assert(
      fc.property(fc.option(fc.nat(100)), fc.option(fc.nat(100)), (limit, offset) => {
        const input = normalise({ limit: limit?.toString() ?? null, offset: offset?.toString() ?? null });
        const page = pageOf(query.parse(input), 'id');
        const answer = listAnswer(slice(all, page), page);
        const from = offset ?? 0;
        expect(answer.items).toEqual(all.filter((item) => item >= from && item < from + (limit ?? 1000)));
        expect(answer.meta).toEqual({ limit, offset: from, order: 'id', order_type: 'ASC' });
      }),
      RUNS,
    );
  });

  test('the pages of a client that goes on until one is empty make up the whole', () => {
    const all = Array.from({ length: 37 }, (_, index) => index);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (limit) => {
        const seen: number[] = [];
        for (let offset = 0; ; offset += limit) {
          const items = slice(all, pageOf(query.parse({ limit, offset }), 'id'));
          if (items.length === 0) break;
          seen.push(...items);
        }
        expect(seen).toEqual(all);
      }),
    );
  });

  test('nothing but a whole number in range is a limit', () => {
    fc.assert(
      fc.property(fc.string(), (limit) => {
        expect(query.safeParse({ limit }).success).toBe(/^\s*\d{1,15}\s*$/.test(limit) && Number(limit) < 2 ** 31);
      }),
      RUNS,
    );
  });
});
