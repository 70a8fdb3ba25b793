import { createHash } from 'node:crypto';
import type { RpmFile } from './model.ts';

const TYPE_BITS: Readonly<Record<RpmFile['kind'], number>> = {
  file: 0o100000,
  hardlink: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
};

/** A file as header and payload describe it: hard links resolved to a shared inode. */
export interface PlacedFile {
  path: string;
  directory: string;
  base: string;
  mode: number;
  size: number;
  digest: string;
  symlink: string;
  inode: number;
  source: RpmFile;
}

/**
 * Orders files the way rpm searches for them (bytes of the whole path) and gives each an inode.
 * All members of a hard-link set get the inode, size and digest of the file that holds the content.
 */
export function placeFiles(files: readonly RpmFile[]): PlacedFile[] {
  const sorted = files.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const byPath = new Map(sorted.map((file) => [file.path, file]));
  const placed = new Map<RpmFile, PlacedFile>();
  for (const file of sorted) {
    const content = contentOf(file, byPath);
    const known = placed.get(content);
    const slash = file.path.lastIndexOf('/');
    const isFile = content.kind === 'file';
    placed.set(file, {
      path: file.path,
      directory: file.path.slice(0, slash + 1),
      base: file.path.slice(slash + 1),
      mode: TYPE_BITS[content.kind] | content.mode,
      size: content.kind === 'symlink' ? Buffer.byteLength(content.target) : isFile ? content.data.length : 4096,
      digest: isFile ? (known?.digest ?? createHash('sha256').update(content.data).digest('hex')) : '',
      symlink: content.kind === 'symlink' ? content.target : '',
      inode: 0,
      source: content,
    });
  }
  const inodes = new Map<RpmFile, number>();
  const result = [...placed.values()];
  for (const file of result) {
    const inode = inodes.get(file.source) ?? inodes.size + 1;
    inodes.set(file.source, inode);
    file.inode = inode;
  }
  return result;
}

function contentOf(file: RpmFile, byPath: ReadonlyMap<string, RpmFile>): RpmFile {
  if (file.kind !== 'hardlink') return file;
  const target = byPath.get(file.target);
  if (target === undefined)
    throw new Error(`hard link ${file.path} points at ${file.target}, which the package does not hold`);
  return contentOf(target, byPath);
}
