import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes all but the `keep` youngest entries of a cache directory whose names match; absent entries are no error. */
export async function prune(directory: string, name: RegExp, keep: number): Promise<void> {
  const names = (await readdir(directory)).filter((entry) => name.test(entry));
  const aged = await Promise.all(
    names.map(async (entry) => ({ entry, changed: (await stat(join(directory, entry))).mtimeMs })),
  );
  for (const { entry } of aged.toSorted((a, b) => b.changed - a.changed).slice(keep)) {
    await rm(join(directory, entry), { recursive: true, force: true });
  }
}
