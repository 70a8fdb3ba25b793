import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { ListHead } from './listScanner.ts';
import { ListScanner } from './listScanner.ts';

function scan(text: string, chunkSizes: number[]): { items: unknown[]; head: ListHead } {
  const items: unknown[] = [];
  const scanner = new ListScanner((item) => items.push(item));
  const bytes = Buffer.from(text);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = chunkSizes.length === 0 ? bytes.length : Math.max(1, chunkSizes[i % chunkSizes.length] ?? 1);
    scanner.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { items, head: scanner.end() };
}

const list = { kind: 'WidgetList', apiVersion: 'v1', metadata: { resourceVersion: '7', continue: '' } };

test('items and head come out as they went in', () => {
  const items = [{ metadata: { name: 'a' } }, { metadata: { name: 'b "quoted" \\ {[' } }];
  const { items: found, head } = scan(JSON.stringify({ ...list, items }), []);
  expect(found).toEqual(items);
  expect(head).toEqual({ ...list, items: [] });
});

test.each([
  ['metadata after the items', '{"items":[{"a":1}],"metadata":{"resourceVersion":"9"}}'],
  ['white space', '{ "metadata" : { "resourceVersion" : "9" } , "items" : [ { "a" : 1 } ] }\n'],
  ['a member called items inside the head', '{"metadata":{"resourceVersion":"9","x":{"items":[3]}},"items":[{"a":1}]}'],
])('%s is no obstacle', (_name, text) => {
  const { items, head } = scan(text, [1]);
  expect(items).toEqual([{ a: 1 }]);
  expect(head.metadata?.resourceVersion).toBe('9');
});

test.each(['{"items":[{"a":1}', '{"items":[{"a":"', '{"items":[]', ''])('%j is not a list that ended', (text) => {
  expect(() => scan(text, [3])).toThrow(SyntaxError);
});

test('a list without items is an empty one', () => {
  expect(scan('{"metadata":{"resourceVersion":"1"},"items":null}', []).items).toEqual([]);
  expect(scan('{"metadata":{"resourceVersion":"1"},"items":[]}', [2]).items).toEqual([]);
});

test('any objects survive any cut into chunks', () => {
  const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }));
  fc.assert(
    fc.property(
      fc.array(object, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }),
      (items, cuts) => {
        const plain = JSON.parse(JSON.stringify(items)) as unknown[];
        const { items: found, head } = scan(JSON.stringify({ ...list, items: plain }), cuts);
        expect(found).toEqual(plain);
        expect(head.metadata).toEqual(list.metadata);
      },
    ),
  );
});
