import { expect, it } from 'vitest';
import { parseJson } from './json.ts';

it.each([
  ['{"a":1}', { a: 1 }],
  ['null', null],
  ['{"a":1', undefined],
  ['', undefined],
])('of %j the value is %j', (text, value) => {
  expect(parseJson(text)).toEqual(value);
});
