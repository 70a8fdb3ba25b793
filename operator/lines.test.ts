import fc from 'fast-check';
import { expect, test } from 'vitest';

import { LineSplitter } from './lines.ts';

test('any text comes out line by line, however it was cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' })),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (texts, cuts) => {
        const lines = texts.map((text) => text.replaceAll('\n', ' ')).filter((text) => text !== '');
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const found: string[] = [];
        const splitter = new LineSplitter((line) => found.push(line));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          splitter.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(found).toEqual(lines.map((line) => Buffer.from(line).toString()));
        expect(splitter.unfinished).toBe(0);
      },
    ),
  );
});

test('a line without an end is reported as unfinished', () => {
  const splitter = new LineSplitter(() => undefined);
  splitter.push(Buffer.from('one\ntw'));
  expect(splitter.unfinished).toBe(2);
});

test('a line that never ends is an error before it eats the memory', () => {
  const splitter = new LineSplitter(() => undefined, 10);
  splitter.push(Buffer.from('123456789'));
  expect(() => splitter.push(Buffer.from('0123'))).toThrow('exceeds 10 bytes');
});
