import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackageError } from './errors.ts';
import { alignmentOf, bytesOf, encodeHeader, type HeaderEntry, integersOf, parseHeader, stringsOf } from './header.ts';
import { headerType } from './tags.ts';

const REGION = 62;

const text = fc.string({ maxLength: 12 }).map((value) => value.replaceAll('\0', ' '));
const value: fc.Arbitrary<Omit<HeaderEntry, 'tag'>> = fc.oneof(
  fc
    .uint8Array({ maxLength: 20 })
    .map((bytes) => ({ type: headerType.bin, count: bytes.length, data: Buffer.from(bytes) })),
  text.map((one) => ({ type: headerType.string, count: 1, data: Buffer.from(`${one}\0`) })),
  fc
    .array(text, { minLength: 1, maxLength: 5 })
    .map((many) => ({ type: headerType.stringArray, count: many.length, data: Buffer.from(`${many.join('\0')}\0`) })),
  fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 5 }).map((numbers) => {
    const data = Buffer.alloc(numbers.length * 2);
    for (const [n, number] of numbers.entries()) data.writeUInt16BE(number, n * 2);
    return { type: headerType.int16, count: numbers.length, data };
  }),
  fc.array(fc.nat(), { minLength: 1, maxLength: 5 }).map((numbers) => {
    const data = Buffer.alloc(numbers.length * 4);
    for (const [n, number] of numbers.entries()) data.writeUInt32BE(number, n * 4);
    return { type: headerType.int32, count: numbers.length, data };
  }),
);
const entries = fc.uniqueArray(
  fc.tuple(fc.integer({ min: 100, max: 6000 }), value).map(([tag, rest]): HeaderEntry => ({ tag, ...rest })),
  { selector: (entry) => entry.tag, maxLength: 12 },
);

describe('a header', () => {
  it('is read back as it was written, sealed by its region', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const header = parseHeader(encodeHeader(list, REGION), REGION);
        expect(header.sealed).toBe(true);
        expect([...header.entries.values()]).toEqual([...list].sort((a, b) => a.tag - b.tag));
      }),
    );
  });

  it('with any byte changed or cut off is either read or refused with PackageError', () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.nat(255), fc.boolean(), (list, where, byte, cut) => {
        const bytes = encodeHeader(list, REGION);
        const at = where % bytes.length;
        bytes[at] = byte;
        try {
          const header = parseHeader(cut ? bytes.subarray(0, at) : bytes, REGION);
          for (const entry of header.entries.values()) {
            if (entry.type === headerType.bin) bytesOf(header, entry.tag);
            else if (entry.type >= headerType.string) stringsOf(header, entry.tag);
            else if (entry.type >= headerType.int8) integersOf(header, entry.tag);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(PackageError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('made of random bytes is refused with PackageError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(() => parseHeader(Buffer.from(bytes), REGION)).toThrow(PackageError);
      }),
    );
  });

  it('that has a tag twice is refused', () => {
    const one: HeaderEntry = { tag: 1000, type: headerType.string, count: 1, data: Buffer.from('a\0') };
    expect(() => parseHeader(encodeHeader([one, { ...one, data: Buffer.from('b\0') }], REGION), REGION)).toThrow(
      'has header tag 1000 twice',
    );
  });

  it('with an entry outside its region is not sealed', () => {
    const bytes = encodeHeader([{ tag: 1000, type: headerType.string, count: 1, data: Buffer.from('a\0') }], REGION);
    // The trailer's negated index length, cut down to the region entry alone.
    bytes.writeInt32BE(-16, bytes.length - 8);
    expect(parseHeader(bytes, REGION).sealed).toBe(false);
  });

  it('aligns numbers to their own width', () => {
    expect(
      [headerType.bin, headerType.string, headerType.int16, headerType.int32, headerType.int64].map(alignmentOf),
    ).toEqual([1, 1, 2, 4, 8]);
  });
});
