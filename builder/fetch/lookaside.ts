import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import type { SourceEntry } from '../../lib/lookaside/sources.ts';
import { lookasidePath, parseSources } from '../../lib/lookaside/sources.ts';
import type { FetchContext } from '../sources/download.ts';
import { download } from '../sources/download.ts';

/**
 * Downloads what the `sources` file of the checkout names, and verifies every digest. Rejects with TerminalError
 * `BadSourcesFile`, `SourceDigestMismatch` or as `download` does. A checkout without a `sources` file needs nothing.
 */
export async function fetchLookaside(directory: string, baseURL: string, context: FetchContext): Promise<void> {
  let text: string;
  try {
    text = await readFile(join(directory, 'sources'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (const entry of strongest(parseSources(text))) {
    const target = join(directory, entry.file);
    if (await present(target)) {
      throw new TerminalError('BadSourcesFile', `"${entry.file}" is both in git and in the sources file`);
    }
    await download({ url: lookasidePath(baseURL, entry), target, digest: entry }, context);
  }
}

/** One entry per file: the one with the longest digest. */
function strongest(entries: readonly SourceEntry[]): SourceEntry[] {
  const byFile = new Map<string, SourceEntry>();
  for (const entry of entries) {
    const other = byFile.get(entry.file);
    if (other === undefined || other.hash.length < entry.hash.length) byFile.set(entry.file, entry);
  }
  return [...byFile.values()];
}

async function present(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}
