import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { prune } from '../distro/prune.ts';

/** Finished versions of each part that stay: other checkouts may still be reading theirs. */
const KEPT = 2;

/**
 * The directory that holds one part, made by `make` unless that has been done with the same inputs. It appears under its
 * final name when it is complete; what an interrupted attempt has left is removed first.
 */
export async function cached(
  parent: string,
  name: string,
  key: string,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const final = join(parent, `${name}-${key}`);
  if (await exists(final)) return final;
  const partial = `${final}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  await make(partial);
  await rename(partial, final);
  await prune(parent, new RegExp(`^${name}-[0-9a-f]{16}(?:\\.partial)?$`), KEPT);
  return final;
}

/** A short hash over words and the content of files. */
export async function keyOf(words: readonly string[], files: readonly string[] = []): Promise<string> {
  const hash = createHash('sha256').update(words.join('\0'));
  for (const file of files) hash.update(`\0${file.slice(file.lastIndexOf('/'))}\0`).update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
