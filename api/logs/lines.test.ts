import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, MAX_LINE_BYTES } from './lines.ts';

function linesOf(pieces: readonly Buffer[]): string[] {
  const splitter = new LineSplitter();
  return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
}

/** Cuts at the given places, wherever they fall. */
function cut(content: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (content.length + 1)).sort((a, b) => a - b), content.length];
  return at.slice(1).map((end, index) => content.subarray(at[index], end));
}

describe('lines', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\n\nb\r\nc', ['a', '', 'b', 'c']],
    ['50%\r100%\n', ['50%\r100%']],
    ['ä€𝄞\n', ['ä€𝄞']],
  ])('of %j are %j', (text, lines) => {
    expect(linesOf([Buffer.from(text)])).toEqual(lines);
  });

  it('are the same whatever pieces they come in, torn characters included', () => {
    const text = fc.array(fc.constantFrom('ä', '€', '𝄞', 'x', '\n', '\r', '\r\n', ' '), { maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 20 }), (parts, places) => {
        const content = Buffer.from(parts.join(''));
        const expected = parts.join('').split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(linesOf(cut(content, places))).toEqual(expected.map((line) => line.replace(/\r$/, '')));
      }),
    );
  });

  it('that never end are cut at fixed places, between characters', () => {
    const long = '€'.repeat(MAX_LINE_BYTES);
    const content = Buffer.from(`${long}\nend`);
    const lines = linesOf([content]);
    expect(lines.slice(0, -1).join('')).toBe(long);
    expect(lines.at(-1)).toBe('end');
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE_BYTES);
    expect(linesOf(cut(content, [1, 65_536, 65_537, 100_000, 150_000]))).toEqual(lines);
  });
});
