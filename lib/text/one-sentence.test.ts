import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneSentence } from './one-sentence.ts';

describe('oneSentence', () => {
  it.each([
    ['as it is', 'as it is'],
    ['  two\nlines\r\n', 'two lines'],
    ['a\u0000bell\u0007and\u001b[31mcolour', 'a bell and [31mcolour'],
    ['turned \u202eround\u202c', 'turned round'],
    ['unseen\u200bspace', 'unseen space'],
    ['a line\u2028and a paragraph\u2029end', 'a line and a paragraph end'],
    ['many   spaces\t\there', 'many spaces here'],
    ['half \ud83d of a pair', 'half \ufffd of a pair'],
    ['', ''],
  ])('makes one line of %j', (text, line) => {
    expect(oneSentence(text)).toBe(line);
  });

  it.each([
    ['abcdef', 4, 'abc…'],
    ['abcd', 4, 'abcd'],
    ['ab😀cd', 4, 'ab…'],
    ['ab😀cd', 5, 'ab😀…'],
    ['ab😀', 4, 'ab😀'],
    ['😀😀', 2, '…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
  ])('cuts %j to %d units', (text, max, line) => {
    expect(oneSentence(text, max)).toBe(line);
  });

  it('is short, well formed and stays as it is, whatever the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 0, max: 40 }), (text, max) => {
        const line = oneSentence(text, max);
        expect(line.length).toBeLessThanOrEqual(max);
        expect(line.isWellFormed()).toBe(true);
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(oneSentence(line, max)).toBe(line);
      }),
    );
  });
});
