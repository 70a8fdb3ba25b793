import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../errors.ts';
import { fileNameProblem } from './file-name.ts';
import { formatSources, lookasidePath, parseSources, type SourceEntry } from './sources.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const sha512 = (text: string): string => createHash('sha512').update(text).digest('hex');

const plainName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((name) => !fileNameProblem(name));
const entry: fc.Arbitrary<SourceEntry> = fc.record({
  hashtype: fc.constant('sha512' as const),
  hash: fc.string().map(sha512),
  file: plainName,
});

describe('the sources file', () => {
  it('is read in the old format', () => {
    const text = `${md5('a')}  hello-2.12.tar.gz\n${md5('b').toUpperCase()} *data (1).zip\n`;
    expect(parseSources(text)).toEqual([
      { hashtype: 'md5', hash: md5('a'), file: 'hello-2.12.tar.gz' },
      { hashtype: 'md5', hash: md5('b'), file: 'data (1).zip' },
    ]);
  });

  it('is read in the BSD format, with Windows line ends and blank lines too', () => {
    const text = `SHA512 (hello-2.12.tar.gz) = ${sha512('a')}\r\n\r\nMD5 (a) b) = ${md5('b')}`;
    expect(parseSources(text)).toEqual([
      { hashtype: 'sha512', hash: sha512('a'), file: 'hello-2.12.tar.gz' },
      { hashtype: 'md5', hash: md5('b'), file: 'a) b' },
    ]);
  });

  it('keeps a repeated line once', () => {
    const line = `SHA512 (a) = ${sha512('a')}\n`;
    expect(parseSources(line + line)).toHaveLength(1);
  });

  it.each([
    ['words', 'hello world', /line 1 .* neither/],
    ['a short digest', `SHA512 (a) = ${md5('a')}`, /line 1 .* 32 digits; sha512 needs 128/],
    ['an unknown hash', `CRC32 (a) = 00000000`, /unknown hash CRC32/],
    ['a name that is a path', `\n${md5('a')}  ../../etc/passwd`, /line 2 .* directory separator/],
    ['the parent directory', `SHA512 (..) = ${sha512('a')}`, /is a directory/],
    ['an option', `SHA512 (-rf) = ${sha512('a')}`, /dash/],
    ['git configuration', `SHA512 (.GitModules) = ${sha512('a')}`, /reserved for git/],
    ['two digests of one file', `SHA512 (a) = ${sha512('a')}\nSHA512 (a) = ${sha512('b')}`, /line 2 .* second sha512/],
    ['a prototype property as hash', `constructor (a) = 00`, /unknown hash/],
  ])('is refused when it has %s', (_what, text, message) => {
    expect(() => parseSources(text)).toThrow(TerminalError);
    expect(() => parseSources(text)).toThrow(message);
  });

  it('is written sorted, and read back as it was', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: (one) => one.file, maxLength: 20 }), (entries) => {
        const text = formatSources(entries);
        const back = parseSources(text);
        expect(new Set(back.map((one) => JSON.stringify(one)))).toEqual(
          new Set(entries.map((one) => JSON.stringify(one))),
        );
        expect(formatSources(entries.toReversed())).toBe(text);
      }),
    );
  });

  it('never yields a name that leaves its directory, whatever the text', () => {
    const line = fc.oneof(
      fc.string(),
      fc.tuple(fc.string({ unit: 'binary' }), fc.string()).map(([file, text]) => `SHA512 (${file}) = ${sha512(text)}`),
      fc.tuple(fc.string({ unit: 'binary' }), fc.string()).map(([file, text]) => `${md5(text)}  ${file}`),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        let entries: SourceEntry[] = [];
        try {
          entries = parseSources(lines.join('\n'));
        } catch (error) {
          expect(error).toBeInstanceOf(TerminalError);
        }
        for (const one of entries) {
          expect(one.file).not.toMatch(/^\.{0,2}$|[/\0\n]/);
          expect(one.hash).toMatch(/^[0-9a-f]+$/);
        }
      }),
    );
  });

  it('leads to URLs in which the file name is one segment', () => {
    const base = 'http://distgit:5001/repo/pkgs/@team/hello/hello';
    fc.assert(
      fc.property(entry, (one) => {
        const url = new URL(lookasidePath(`${base}/`, one));
        const segments = url.pathname.split('/').slice(6).map(decodeURIComponent);
        expect(segments).toEqual([one.file, 'sha512', one.hash, one.file]);
      }),
    );
  });
});
