import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * File operations that survive the death of the process, or of the node, at any line: what has a final name is complete and on disk.
 */

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Resolves with undefined instead of rejecting when the file is not there. */
export async function ifThere<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
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

/** Replaces or makes the file as a whole: readers see the old content or the new one. */
export async function writeFileAtomic(path: string, content: string | Buffer): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
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

/** Gives an existing file a second name, in place of whatever has that name. Does nothing when both are the same file already. */
export async function linkOver(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
    return;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
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
