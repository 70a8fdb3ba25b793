/** One tag of an RPM header, its data already in wire form (big endian, strings NUL-terminated). */
export interface HeaderEntry {
  tag: number;
  type: number;
  count: number;
  data: Buffer;
}

const INT16 = 3;
const INT32 = 4;
const STRING = 6;
const BINARY = 7;
const STRING_ARRAY = 8;
const I18N_STRING = 9;
const ALIGNMENT: Readonly<Record<number, number>> = { [INT16]: 2, [INT32]: 4 };
const MAGIC = Buffer.from('8eade80100000000', 'hex');
const INDEX_ENTRY = 16;

export function string(tag: number, value: string): HeaderEntry {
  return { tag, type: STRING, count: 1, data: Buffer.from(`${value}\0`) };
}

export function i18n(tag: number, value: string): HeaderEntry {
  return { tag, type: I18N_STRING, count: 1, data: Buffer.from(`${value}\0`) };
}

export function strings(tag: number, values: readonly string[]): HeaderEntry {
  return {
    tag,
    type: STRING_ARRAY,
    count: values.length,
    data: Buffer.from(values.map((value) => `${value}\0`).join('')),
  };
}

export function binary(tag: number, data: Buffer): HeaderEntry {
  return { tag, type: BINARY, count: data.length, data };
}

export function int16(tag: number, values: readonly number[]): HeaderEntry {
  const data = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) data.writeUInt16BE(value & 0xffff, index * 2);
  return { tag, type: INT16, count: values.length, data };
}

export function int32(tag: number, values: readonly number[]): HeaderEntry {
  const data = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) data.writeUInt32BE(value >>> 0, index * 4);
  return { tag, type: INT32, count: values.length, data };
}

/**
 * Encodes a header whose tags all belong to one immutable region (`region`: 62 signature, 63 main header).
 * rpm refuses unsorted or repeated tags and empty arrays, so the last are left out and the first are sorted here.
 */
export function encodeHeader(region: number, entries: readonly HeaderEntry[]): Buffer {
  const sorted = entries.filter((entry) => entry.count > 0).toSorted((a, b) => a.tag - b.tag);
  const count = sorted.length + 1;
  const index = Buffer.alloc(count * INDEX_ENTRY);
  const store: Buffer[] = [];
  let offset = 0;
  for (const [position, { tag, type, count: values, data }] of sorted.entries()) {
    const alignment = ALIGNMENT[type] ?? 1;
    const padding = (alignment - (offset % alignment)) % alignment;
    store.push(Buffer.alloc(padding), data);
    offset += padding;
    writeIndex(index, position + 1, tag, type, offset, values);
    offset += data.length;
  }
  // The region's own entry points at a trailer, which in turn points back over the whole index.
  const trailer = Buffer.alloc(INDEX_ENTRY);
  writeIndex(trailer, 0, region, BINARY, -count * INDEX_ENTRY, INDEX_ENTRY);
  writeIndex(index, 0, region, BINARY, offset, INDEX_ENTRY);
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(count, 0);
  sizes.writeUInt32BE(offset + INDEX_ENTRY, 4);
  return Buffer.concat([MAGIC, sizes, index, ...store, trailer]);
}

function writeIndex(target: Buffer, position: number, tag: number, type: number, offset: number, count: number): void {
  const start = position * INDEX_ENTRY;
  target.writeUInt32BE(tag, start);
  target.writeUInt32BE(type, start + 4);
  target.writeInt32BE(offset, start + 8);
  target.writeUInt32BE(count, start + 12);
}
