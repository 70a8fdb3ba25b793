import { opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from '../../lib/durable.ts';
import { hasCode } from '../../lib/errors.ts';

const DAY_MS = 86_400_000;

export interface Swept {
  files: number;
  bytes: number;
}

/**
 * Removes from one directory of the store what no package links to. The change time is looked at, because that is
 * when the last link went: content stays a day longer, and an import that is about to link it never meets the sweep.
 */
export async function sweepStore(dir: string, now: number): Promise<Swept> {
  return sweep(dir, async (path) => {
    const info = await stat(path);
    return info.isFile() && info.nlink === 1 && info.ctimeMs < now - DAY_MS ? info.size : undefined;
  });
}

/** Removes files that were last written before `before`. */
export async function sweepOld(dir: string, before: number): Promise<Swept> {
  return sweep(dir, async (path) => {
    const info = await stat(path);
    return info.isFile() && info.mtimeMs < before ? info.size : undefined;
  });
}

async function sweep(dir: string, judge: (path: string) => Promise<number | undefined>): Promise<Swept> {
  const swept: Swept = { files: 0, bytes: 0 };
  try {
    // One entry at a time: a store directory may hold millions.
    for await (const entry of await opendir(dir)) {
      const path = join(dir, entry.name);
      const size = await judge(path);
      if (size === undefined) continue;
      await removeFile(path);
      swept.files += 1;
      swept.bytes += size;
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  return swept;
}

/** Empties a directory that only ever holds leftovers. */
export async function emptyDir(dir: string): Promise<void> {
  try {
    for await (const entry of await opendir(dir)) {
      await rm(join(dir, entry.name), { recursive: true, force: true, maxRetries: 2 });
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
