import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode } from './errors.ts';

/**
 * File operations that survive the death of the process, or of the node, at any line: what has a final name is complete and on disk.
 */

/** Resolves with undefined instead of rejecting when the file is not there. */
export async function ifThere<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  return (await ifThere(lstat(path))) !== undefined;
}

export function readIfThere(path: string): Promise<Buffer | undefined> {
  return ifThere(readFile(path));
}

const TEMPORARY = '.tmp-';
/** Tells our temporary files from those of a process that died. */
const OWN = `${TEMPORARY}${randomBytes(4).toString('hex')}-`;

/** A name no other file in the directory of `path` has, hidden from the web server. */
export function temporaryName(path: string): string {
  return join(dirname(path), `${OWN}${randomBytes(6).toString('hex')}`);
}

/** Removes the temporary files an earlier process has left in a directory. */
export async function sweepTemporary(directory: string): Promise<void> {
  for (const name of (await ifThere(readdir(directory))) ?? []) {
    if (name.startsWith(TEMPORARY) && !name.startsWith(OWN)) await removeFile(join(directory, name));
  }
}

export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

/** Gives `from` the name `to`, in the same directory. Rejects with ENOTEMPTY or EEXIST when `to` is a directory with contents. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/**
 * Writes a file that is not there yet; its content is on disk then, its name only with the directory. For files that get a name
 * later, by themselves or with their directory. Rejects with EEXIST.
 */
export async function writeNewFile(path: string, content: string | Buffer, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode);
  await file.writeFile(content);
  await file.sync();
}

/** Replaces or makes the file as a whole: readers see the old content or the new one. Its directory must exist. */
export async function writeFileAtomic(path: string, content: string | Buffer): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeNewFile(temporary, content, 0o644);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** As writeFileAtomic, but leaves a file alone that has this content already. Returns whether it wrote. */
export async function writeFileIfChanged(path: string, content: string | Buffer): Promise<boolean> {
  const old = await readIfThere(path);
  if (old?.equals(Buffer.from(content)) === true) return false;
  await writeFileAtomic(path, content);
  return true;
}

/** Gives an existing file a second name; false when that was taken already. */
export async function linkOnce(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Gives an existing file a second name, in place of whatever has that name. Does nothing when both are the same file already. */
export async function linkOver(source: string, target: string): Promise<void> {
  if (await linkOnce(source, target)) return;
  const [from, to] = await Promise.all([lstat(source), lstat(target)]);
  if (from.ino === to.ino) return;
  const temporary = temporaryName(target);
  await link(source, temporary);
  await rename(temporary, target);
}

export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
}

export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

export async function removeFile(path: string): Promise<void> {
  await ifThere(unlink(path));
}
