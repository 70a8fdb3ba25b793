import { PackageError } from './errors.ts';
import { headerType } from './tags.ts';

/**
 * The header structure that appears twice in a package, as signature header and as main header:
 * magic, entry count, data length, index of 16-byte entries, data. All integers are big-endian.
 */

export const HEADER_INTRO_BYTES = 16;
const MAGIC = Buffer.from('8eade80100000000', 'hex');
const ENTRY_BYTES = 16;
const MAX_ENTRIES = 0xffff;

export interface HeaderEntry {
  tag: number;
  type: number;
  count: number;
  /** Exactly the bytes of the value. */
  data: Buffer;
}

export interface Header {
  /** By tag, in the order of the index; the region entry is not among them. */
  entries: ReadonlyMap<number, HeaderEntry>;
  /** True when the region (the part that digests and signatures cover) is the whole header. */
  sealed: boolean;
}

/** Length in bytes of the header that starts with this 16-byte intro, padding not included. Throws PackageError. */
export function headerLength(intro: Buffer, maxBytes: number): number {
  if (intro.length < HEADER_INTRO_BYTES || !intro.subarray(0, 8).equals(MAGIC)) {
    throw new PackageError('has no RPM header where one must be');
  }
  const entries = intro.readUInt32BE(8);
  const dataBytes = intro.readUInt32BE(12);
  const length = HEADER_INTRO_BYTES + entries * ENTRY_BYTES + dataBytes;
  if (entries === 0 || entries > MAX_ENTRIES) throw new PackageError(`has a header of ${entries} entries`);
  if (length > maxBytes) throw new PackageError(`has a header of ${length} bytes; at most ${maxBytes} are accepted`);
  return length;
}

/**
 * Parses a whole header. `regionTag` is the tag its first entry must have.
 * A tag that appears twice and values that overlap are refused, the latter by rpm, too: two readers could take different values from
 * such a header.
 */
export function parseHeader(bytes: Buffer, regionTag: number): Header {
  if (bytes.length !== headerLength(bytes.subarray(0, HEADER_INTRO_BYTES), bytes.length)) {
    throw new PackageError('has a header that is longer than its index says');
  }
  const entryCount = bytes.readUInt32BE(8);
  const data = bytes.subarray(HEADER_INTRO_BYTES + entryCount * ENTRY_BYTES);
  const entries = new Map<number, HeaderEntry>();
  let sealed = false;
  let end = 0;
  for (let index = 0; index < entryCount; index++) {
    const at = HEADER_INTRO_BYTES + index * ENTRY_BYTES;
    const tag = bytes.readUInt32BE(at);
    const type = bytes.readUInt32BE(at + 4);
    const offset = bytes.readUInt32BE(at + 8);
    const count = bytes.readUInt32BE(at + 12);
    if (index === 0 && tag === regionTag) {
      sealed = coversAll(data, { tag, type, offset, count }, entryCount);
      continue;
    }
    if (entries.has(tag)) throw new PackageError(`has header tag ${tag} twice`);
    if (offset < end) throw new PackageError(`has a value for header tag ${tag} that overlaps another`);
    const value = valueBytes(data, tag, type, offset, count);
    end = offset + value.length;
    entries.set(tag, { tag, type, count, data: value });
  }
  return { entries, sealed };
}

/** Checks the region's trailer and says whether the region spans every entry and every byte. */
function coversAll(
  data: Buffer,
  region: { tag: number; type: number; offset: number; count: number },
  entryCount: number,
): boolean {
  const end = region.offset + ENTRY_BYTES;
  if (region.type !== headerType.bin || region.count !== ENTRY_BYTES || end > data.length) {
    throw new PackageError('has a damaged header region');
  }
  const trailer = data.subarray(region.offset, end);
  const regionIndexBytes = -trailer.readInt32BE(8);
  const damaged =
    trailer.readUInt32BE(0) !== region.tag ||
    trailer.readUInt32BE(4) !== headerType.bin ||
    trailer.readUInt32BE(12) !== ENTRY_BYTES ||
    regionIndexBytes <= 0 ||
    regionIndexBytes % ENTRY_BYTES !== 0 ||
    regionIndexBytes > entryCount * ENTRY_BYTES;
  if (damaged) throw new PackageError('has a damaged header region');
  return regionIndexBytes === entryCount * ENTRY_BYTES && end === data.length;
}

const widths = new Map<number, number>([
  [headerType.null, 0],
  [headerType.char, 1],
  [headerType.int8, 1],
  [headerType.int16, 2],
  [headerType.int32, 4],
  [headerType.int64, 8],
  [headerType.bin, 1],
]);

/** Alignment of a value of this type within the data, in bytes. */
export function alignmentOf(type: number): number {
  return type === headerType.int16 || type === headerType.int32 || type === headerType.int64
    ? (widths.get(type) ?? 1)
    : 1;
}

function valueBytes(data: Buffer, tag: number, type: number, offset: number, count: number): Buffer {
  const width = widths.get(type);
  if (offset > data.length || offset % alignmentOf(type) !== 0)
    throw new PackageError(`has a misplaced value for header tag ${tag}`);
  if (width !== undefined) {
    const end = offset + width * count;
    if (end > data.length) throw new PackageError(`has a value outside its header for tag ${tag}`);
    return data.subarray(offset, end);
  }
  if (type !== headerType.string && type !== headerType.stringArray && type !== headerType.i18nString) {
    throw new PackageError(`has header tag ${tag} of the unknown type ${type}`);
  }
  if (count === 0 || (type === headerType.string && count !== 1))
    throw new PackageError(`has ${count} strings for header tag ${tag}`);
  let end = offset;
  for (let n = 0; n < count; n++) {
    const zero = data.indexOf(0, end);
    if (zero === -1) throw new PackageError(`has an unterminated string for header tag ${tag}`);
    end = zero + 1;
  }
  return data.subarray(offset, end);
}

/** The strings of a string, string array or translated string; empty when the tag is absent. Throws PackageError for another type. */
export function stringsOf(header: Header, tag: number): string[] {
  const entry = header.entries.get(tag);
  if (entry === undefined) return [];
  if (
    entry.type !== headerType.string &&
    entry.type !== headerType.stringArray &&
    entry.type !== headerType.i18nString
  ) {
    throw new PackageError(`has header tag ${tag} of type ${entry.type} where text is expected`);
  }
  return entry.data.subarray(0, -1).toString('utf8').split('\0');
}

/** The only string of a tag; undefined when it is absent or has several. */
export function stringOf(header: Header, tag: number): string | undefined {
  const strings = stringsOf(header, tag);
  return strings.length === 1 ? strings[0] : undefined;
}

/** The integers of an 8, 16, 32 or 64 bit tag; empty when the tag is absent. Throws PackageError for another type. */
export function integersOf(header: Header, tag: number): number[] {
  const entry = header.entries.get(tag);
  if (entry === undefined) return [];
  const width = widths.get(entry.type) ?? 0;
  if (entry.type < headerType.int8 || entry.type > headerType.int64) {
    throw new PackageError(`has header tag ${tag} of type ${entry.type} where a number is expected`);
  }
  return Array.from({ length: entry.count }, (_, n) =>
    width === 8 ? Number(entry.data.readBigUInt64BE(n * 8)) : entry.data.readUIntBE(n * width, width),
  );
}

/** The only integer of a tag; undefined when it is absent or has several. */
export function integerOf(header: Header, tag: number): number | undefined {
  const integers = integersOf(header, tag);
  return integers.length === 1 ? integers[0] : undefined;
}

/** The bytes of a binary tag. */
export function bytesOf(header: Header, tag: number): Buffer | undefined {
  const entry = header.entries.get(tag);
  if (entry === undefined) return undefined;
  if (entry.type !== headerType.bin)
    throw new PackageError(`has header tag ${tag} of type ${entry.type} where bytes are expected`);
  return entry.data;
}

/**
 * A header whose region spans everything, as rpm writes it: entries by ascending tag, values aligned, the region's trailer last.
 * The region's own entry must not be among `entries`.
 */
export function encodeHeader(entries: Iterable<HeaderEntry>, regionTag: number): Buffer {
  const sorted = [...entries].sort((a, b) => a.tag - b.tag);
  const index: Buffer[] = [];
  const data: Buffer[] = [];
  let length = 0;
  for (const entry of sorted) {
    const padding = (alignmentOf(entry.type) - (length % alignmentOf(entry.type))) % alignmentOf(entry.type);
    data.push(Buffer.alloc(padding), entry.data);
    index.push(indexEntry(entry.tag, entry.type, length + padding, entry.count));
    length += padding + entry.data.length;
  }
  const indexBytes = (sorted.length + 1) * ENTRY_BYTES;
  const intro = Buffer.alloc(HEADER_INTRO_BYTES);
  MAGIC.copy(intro);
  intro.writeUInt32BE(sorted.length + 1, 8);
  intro.writeUInt32BE(length + ENTRY_BYTES, 12);
  const region = indexEntry(regionTag, headerType.bin, length, ENTRY_BYTES);
  const trailer = indexEntry(regionTag, headerType.bin, -indexBytes, ENTRY_BYTES);
  return Buffer.concat([intro, region, ...index, ...data, trailer]);
}

function indexEntry(tag: number, type: number, offset: number, count: number): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.writeUInt32BE(tag, 0);
  bytes.writeUInt32BE(type, 4);
  bytes.writeInt32BE(offset, 8);
  bytes.writeUInt32BE(count, 12);
  return bytes;
}
