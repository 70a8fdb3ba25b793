import { describe, expect, it } from 'vitest';
import { oneSentence } from './notes.ts';

describe('oneSentence', () => {
  it.each([
    ['as it is', 'as it is'],
    ['  two\nlines\r\n', 'two lines'],
    ['a\u0000bell\u0007and\u001b[31mcolour', 'a bell and [31mcolour'],
    ['', ''],
  ])('makes one line of %j', (text, line) => {
    expect(oneSentence(text)).toBe(line);
  });

  it('cuts what a status field would not take', () => {
    expect(oneSentence('x'.repeat(2000))).toHaveLength(1024);
    expect(oneSentence('abcdef', 4)).toBe('abc…');
    expect(oneSentence('abcd', 4)).toBe('abcd');
  });
});
