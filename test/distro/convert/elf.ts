/** What a shared library offers to the programs linked against it. */
export interface SharedLibrary {
  bits: 32 | 64;
  soname: string;
  /** Names of its version definitions, such as GLIBC_2.34, without the one that only repeats the soname. */
  versions: string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_STRTAB = 5;
const DT_SONAME = 14;
const DT_VERDEF = 0x6ffffffc;
const DT_VERDEFNUM = 0x6ffffffd;
const VER_FLG_BASE = 1;
const ET_DYN = 3;

/**
 * Reads soname and version definitions of a little-endian ELF shared object; undefined for anything else.
 * rpm's own generator looks at executable files only, and Debian's libraries are mode 0644.
 */
export function readSharedLibrary(file: Buffer): SharedLibrary | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[5] !== 1) return undefined;
  if (file.readUInt16LE(16) !== ET_DYN) return undefined;
  const wide = file[4] === 2;
  const word = (offset: number) => (wide ? Number(file.readBigUInt64LE(offset)) : file.readUInt32LE(offset));
  const segments = readSegments(file, wide, word);
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
  if (dynamic === undefined) return undefined;

  const tags = new Map<number, number>();
  const size = wide ? 16 : 8;
  for (let at = dynamic.offset; at + size <= dynamic.offset + dynamic.size; at += size) {
    const tag = word(at);
    if (tag === 0) break;
    tags.set(tag, word(at + size / 2));
  }
  const position = (address: number | undefined) => toOffset(segments, address);
  const table = position(tags.get(DT_STRTAB));
  const soname = tags.get(DT_SONAME);
  if (table === undefined || soname === undefined) return undefined;
  const versions = readVersions(file, table, position(tags.get(DT_VERDEF)), tags.get(DT_VERDEFNUM) ?? 0);
  return { bits: wide ? 64 : 32, soname: text(file, table + soname), versions };
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

function readSegments(file: Buffer, wide: boolean, word: (offset: number) => number): Segment[] {
  const start = word(wide ? 32 : 28);
  const size = file.readUInt16LE(wide ? 54 : 42);
  const count = file.readUInt16LE(wide ? 56 : 44);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at),
      offset: word(at + (wide ? 8 : 4)),
      address: word(at + (wide ? 16 : 8)),
      size: word(at + (wide ? 32 : 16)),
    };
  });
}

function toOffset(segments: readonly Segment[], address: number | undefined): number | undefined {
  if (address === undefined) return undefined;
  const holds = (one: Segment) => one.type === PT_LOAD && address >= one.address && address < one.address + one.size;
  const segment = segments.find(holds);
  return segment && address - segment.address + segment.offset;
}

function readVersions(file: Buffer, table: number, start: number | undefined, count: number): string[] {
  const versions: string[] = [];
  let at = start;
  for (let index = 0; index < count && at !== undefined; index++) {
    const flags = file.readUInt16LE(at + 2);
    const auxiliary = at + file.readUInt32LE(at + 12);
    if ((flags & VER_FLG_BASE) === 0) versions.push(text(file, table + file.readUInt32LE(auxiliary)));
    const next = file.readUInt32LE(at + 16);
    at = next === 0 ? undefined : at + next;
  }
  return versions;
}

function text(file: Buffer, start: number): string {
  return file.toString('utf8', start, file.indexOf(0, start));
}
