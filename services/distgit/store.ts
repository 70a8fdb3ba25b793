import { copyFile, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { linkOnce, removeFile, syncDirectory } from '../../lib/durable.ts';
import { hasCode } from '../../lib/errors.ts';
import { RetryableError } from './errors.ts';
import { type Layout, lookasideDir, lookasideFile, type PackagePath, storePath } from './layout.ts';
import type { UnpackedFile } from './unpack.ts';

const ATTEMPTS = 5;

/**
 * Puts one file into the lookaside cache of a package. The content is stored once for the whole installation; the
 * package gets hard links under each digest a client may ask for. Repeating it at any point changes nothing.
 * `file.path` must be on the same file system and synced. Returns true when the content was new to the installation.
 */
export async function putLookaside(layout: Layout, path: PackagePath, file: UnpackedFile): Promise<boolean> {
  const dir = lookasideDir(layout, path, file.name);
  await mkdir(dir, { recursive: true });
  const fresh = await putContent(layout, file);
  for (const hashtype of ['sha512', 'sha256', 'md5'] as const) {
    const target = lookasideFile(layout, path, file.name, hashtype, file[hashtype]);
    await linkContent(layout, file, target);
  }
  await syncDirectory(dir);
  return fresh;
}

/** The store's copy. An existing one of the wrong size (a damaged volume) is replaced. */
async function putContent(layout: Layout, file: UnpackedFile): Promise<boolean> {
  const stored = storePath(layout, file.sha512);
  await mkdir(dirname(stored), { recursive: true });
  if (await linkOnce(file.path, stored)) {
    await syncDirectory(dirname(stored));
    return true;
  }
  if ((await sizeOf(stored)) !== file.size) await replace(file.path, stored);
  return false;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function replace(source: string, target: string): Promise<void> {
  const fresh = join(dirname(source), 'replacement');
  await removeFile(fresh);
  await copyFile(source, fresh);
  const handle = await open(fresh, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, target);
  await syncDirectory(dirname(target));
}

async function linkContent(layout: Layout, file: UnpackedFile, target: string): Promise<void> {
  const stored = storePath(layout, file.sha512);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const made = await linkOnce(stored, target);
      if (!made && (await sizeOf(target)) !== file.size) await replace(file.path, target);
      return;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) {
        // The sweep took the store's name away between our look and the link.
        await mkdir(dirname(target), { recursive: true });
        await putContent(layout, file);
      } else if (hasCode(error, 'EMLINK')) {
        // So many packages share it that the file system allows no further name: begin a second copy.
        await replace(file.path, stored);
      } else {
        throw error;
      }
    }
  }
  throw new RetryableError('StoreBusy', `the lookaside cache could not take ${JSON.stringify(file.name)}`);
}
