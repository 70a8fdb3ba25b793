import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Changes here give other images or none at all, but never another distribution. */
const WITHOUT_INFLUENCE = /(?:\.test\.ts|^main\.ts|^config\.ts|^lock\.ts|\.yaml|\.txt|\.md)$|^files\//;

/** A short hash over the sources that decide what the distribution consists of. */
export async function inputsHash(directory: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) {
    const name = relative(directory, file);
    if (WITHOUT_INFLUENCE.test(name)) continue;
    hash
      .update(`${name}\0`)
      .update(await readFile(file))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
