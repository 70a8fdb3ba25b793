import { createHash } from 'node:crypto';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import type { ResultFile } from '../../lib/protocol/publisher.ts';
import { resultFile } from '../../lib/protocol/publisher.ts';
import { LIVE_LOG, VERDICT } from '../paths.ts';
import { openPlainFile } from './plain-file.ts';

export interface ResultLimits {
  maxFileBytes: number;
  maxTaskBytes: number;
}

export const MAX_FILES = 2000;
const MAX_ENTRIES = 20_000;
export const MAX_LOGS = 50;

/** What of a directory is a result. The live log travels by itself, and names with a leading dot are temporary. */
export function isResultName(name: string, logsOnly: boolean): boolean {
  if (name === LIVE_LOG || name === VERDICT || name.startsWith('.')) return false;
  return name.endsWith('.log') || (!logsOnly && (name.endsWith('.rpm') || name.endsWith('.spec')));
}

/**
 * The result files, sorted by name, so that an agent that is started again makes the same manifest. A failed build has
 * only logs, as far as they are in order; for a successful one anything unusable rejects with TerminalError `ResultsInvalid`
 * or `ResultsTooLarge`: half a build must not be published.
 */
export async function collectResults(
  directory: string,
  logsOnly: boolean,
  limits: ResultLimits,
): Promise<ResultFile[]> {
  const names = (await resultNames(directory, logsOnly)).sort();
  const found: ResultFile[] = [];
  let left = limits.maxTaskBytes;
  for (const name of names) {
    const file = await describe(directory, name, Math.min(limits.maxFileBytes, left));
    if (typeof file === 'object') {
      left -= file.size;
      found.push(file);
    } else if (!logsOnly) throw new TerminalError(file, problem(file, name));
  }
  return found;
}

async function resultNames(directory: string, logsOnly: boolean): Promise<string[]> {
  const names: string[] = [];
  let entries = 0;
  for await (const entry of await opendir(directory)) {
    if (++entries > MAX_ENTRIES) break;
    if (isResultName(entry.name, logsOnly)) names.push(entry.name);
  }
  if (logsOnly) return names.slice(0, MAX_LOGS);
  if (entries > MAX_ENTRIES || names.length > MAX_FILES) {
    throw new TerminalError('ResultsInvalid', `the build left more than ${MAX_FILES} result files`);
  }
  return names;
}

function problem(code: string, name: string): string {
  return code === 'ResultsTooLarge'
    ? `the result "${name}" exceeds the size limit of a file or of the whole build`
    : `the result "${name}" is not a plain file with an ordinary name`;
}

async function describe(
  directory: string,
  name: string,
  limit: number,
): Promise<ResultFile | 'ResultsInvalid' | 'ResultsTooLarge'> {
  if (!resultFile.shape.name.safeParse(name).success) return 'ResultsInvalid';
  const file = await openPlainFile(join(directory, name));
  if (file === undefined || file === 'odd') return 'ResultsInvalid';
  try {
    if (file.size > limit) return 'ResultsTooLarge';
    const hash = createHash('sha256');
    let size = 0;
    // To `file.size` and no further: a file that somebody still writes to would never end.
    if (file.size > 0) {
      const stream = file.handle.createReadStream({ start: 0, end: file.size - 1 });
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        hash.update(chunk);
        size += chunk.length;
      }
    }
    return size === file.size ? { name, size, sha256: hash.digest('hex') } : 'ResultsInvalid';
  } finally {
    await file.handle.close();
  }
}
