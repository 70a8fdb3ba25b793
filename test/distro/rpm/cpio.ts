import type { PlacedFile } from './files.ts';

const TRAILER = 'TRAILER!!!';
const NO_DATA = Buffer.alloc(0);

/**
 * The payload in "newc" format, as a list of buffers.
 * Members of a hard-link set must stand next to each other with the data in the last one only: rpm unpacks anything
 * else without complaint and with the wrong content.
 */
export function encodeCpio(files: readonly PlacedFile[]): Buffer[] {
  const sets = new Map<number, PlacedFile[]>();
  for (const file of files) sets.set(file.inode, [...(sets.get(file.inode) ?? []), file]);
  const parts: Buffer[] = [];
  for (const members of sets.values()) {
    for (const [position, member] of members.entries()) {
      const data = position === members.length - 1 ? contentOf(member) : NO_DATA;
      parts.push(...record(`.${member.path}`, member, members.length, data));
    }
  }
  parts.push(...record(TRAILER, undefined, 1, NO_DATA));
  return parts;
}

function contentOf(file: PlacedFile): Buffer {
  return file.symlink === '' ? file.source.data : Buffer.from(file.symlink);
}

function record(name: string, file: PlacedFile | undefined, links: number, data: Buffer): Buffer[] {
  const nameBytes = Buffer.from(`${name}\0`);
  const fields = [
    file?.inode ?? 0,
    file?.mode ?? 0,
    0, // uid and gid: rpm takes the owners' names from the header
    0,
    links,
    file?.source.mtime ?? 0,
    data.length,
    0,
    0,
    0,
    0,
    nameBytes.length,
    0,
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [Buffer.from(header), nameBytes, padding(header.length + nameBytes.length), data, padding(data.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
