/** One member of a tar archive; `path` and hard-link targets are absolute ('/usr/bin/x'), symlink targets verbatim. */
export interface TarEntry {
  path: string;
  kind: 'file' | 'directory' | 'symlink' | 'hardlink';
  /** Permission bits only (07777). */
  mode: number;
  user: string;
  group: string;
  /** Seconds since the epoch. */
  mtime: number;
  /** Target of a symlink or hard link, else ''. */
  target: string;
  data: Buffer;
}

const BLOCK = 512;
const NO_DATA = Buffer.alloc(0);
const KINDS: Readonly<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

/**
 * Reads a whole tar archive in GNU format, the one format dpkg-deb writes.
 * Device nodes and pax headers do not occur in Debian packages and are refused: a silent omission would give a
 * package that lacks files.
 */
export function readTar(archive: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  let longName = '';
  let longTarget = '';
  let offset = 0;
  while (offset + BLOCK <= archive.length) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header[0] === 0) break;
    const size = octal(header, 124, 12);
    const type = String.fromCharCode(header[156] ?? 0);
    const start = offset + BLOCK;
    if (start + size > archive.length) throw new Error(`tar archive is cut off inside ${text(header, 0, 100)}`);
    const data = archive.subarray(start, start + size);
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
    if (type === 'L') longName = text(data, 0, size);
    else if (type === 'K') longTarget = text(data, 0, size);
    else {
      entries.push(entry(header, type, longName, longTarget, data));
      longName = '';
      longTarget = '';
    }
  }
  return entries;
}

function entry(header: Buffer, type: string, longName: string, longTarget: string, data: Buffer): TarEntry {
  const name = longName || text(header, 0, 100);
  const kind = KINDS[type];
  if (kind === undefined)
    throw new Error(`tar member ${name} has type '${type}', which no Debian package should contain`);
  const target = longTarget || text(header, 157, 100);
  return {
    path: absolute(name),
    kind,
    mode: octal(header, 100, 8) & 0o7777,
    user: text(header, 265, 32) || 'root',
    group: text(header, 297, 32) || 'root',
    mtime: octal(header, 136, 12),
    target: kind === 'hardlink' ? absolute(target) : target,
    data: kind === 'file' ? data : NO_DATA,
  };
}

/** './usr/bin/' and 'usr/bin' → '/usr/bin'; './' → '/'. */
function absolute(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`tar member ${name} leaves its directory`);
  return `/${parts.join('/')}`;
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

function octal(block: Buffer, start: number, length: number): number {
  const digits = text(block, start, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new Error(`tar header holds '${digits}' where an octal number belongs`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}
