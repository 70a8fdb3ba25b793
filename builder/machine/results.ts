import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import { resultFile } from '../../lib/protocol/publisher.ts';
import type { ResultLimits } from '../agent/results.ts';
import { isResultName, MAX_FILES, MAX_LOGS } from '../agent/results.ts';
import { ConnectionLost, MachineRefused } from './errors.ts';
import type { FarResult, FarSide } from './far-side.ts';

const LINE = /^(\d{1,15}) ([0-9a-f]{64}) (\S{1,255})$/;

/**
 * Pure: which of the machine's results are fetched. The list comes from a stranger: every name and number is checked, and
 * their count and sizes are bounded before a byte is asked for. As for the agent, a failed build has only logs, as far
 * as they are in order; for a successful one anything unusable throws a TerminalError.
 */
export function chooseResults(
  listing: { lines: readonly string[]; odd: number },
  logsOnly: boolean,
  limits: ResultLimits,
): FarResult[] {
  const found: FarResult[] = [];
  let left = limits.maxTaskBytes;
  let odd = listing.odd;
  for (const line of listing.lines) {
    const [, size = '', sha256 = '', name = ''] = LINE.exec(line) ?? [];
    const parsed = resultFile.safeParse({ name, size: Number(size), sha256 });
    if (!parsed.success || found.some((other) => other.name === name)) odd++;
    else if (isResultName(name, logsOnly)) {
      const fits = parsed.data.size <= Math.min(limits.maxFileBytes, left);
      if (fits) {
        found.push(parsed.data);
        left -= parsed.data.size;
      } else if (!logsOnly) {
        throw new TerminalError(
          'ResultsTooLarge',
          `the result "${name}" exceeds the size limit of a file or of the whole build`,
        );
      }
    }
  }
  if (logsOnly) return found.slice(0, MAX_LOGS);
  if (odd > 0) {
    throw new TerminalError('ResultsInvalid', 'the build left results that are not plain files with ordinary names');
  }
  if (found.length > MAX_FILES) {
    throw new TerminalError('ResultsInvalid', `the build left more than ${MAX_FILES} result files`);
  }
  return found;
}

/**
 * Fetches one file: what an earlier connection has brought is kept, and the whole is compared with its digest. It gets its
 * name only then.
 */
export class ResultFetch {
  readonly #file: FarResult;
  readonly #partial: string;
  readonly #path: string;
  #offset = 0;
  #hash = createHash('sha256');

  constructor(file: FarResult, directory: string) {
    this.#file = file;
    this.#path = join(directory, file.name);
    // The agent takes no name with a leading dot for a result.
    this.#partial = join(directory, `.partial-${file.name}`);
  }

  /** May be called again after it was rejected with ConnectionLost. */
  async run(farSide: FarSide, task: string): Promise<void> {
    const { name, size, sha256 } = this.#file;
    if (this.#offset === 0) await rm(this.#partial, { force: true });
    const handle = await open(this.#partial, 'a', 0o644);
    try {
      let writing: Promise<unknown> = Promise.resolve();
      const onData = (chunk: Buffer): void => {
        // In order, and only what is written counts as there.
        writing = writing.then(async () => {
          await handle.appendFile(chunk);
          this.#hash.update(chunk);
          this.#offset += chunk.length;
        });
        writing.catch(() => undefined);
      };
      while (this.#offset < size) {
        const count = Math.min(size - this.#offset, PIECE);
        const wanted = this.#offset + count;
        try {
          await farSide.read(task, name, this.#offset, count, onData);
        } finally {
          await writing;
        }
        if (this.#offset !== wanted)
          throw new MachineRefused(`the result "${name}" became shorter while it was fetched`);
      }
    } finally {
      await handle.close();
    }
    if (this.#hash.copy().digest('hex') !== sha256) {
      this.#offset = 0;
      this.#hash = createHash('sha256');
      throw new ConnectionLost(`the result "${name}" has not arrived as it was`);
    }
    await rename(this.#partial, this.#path);
  }
}

/** One answer of the far side; memory holds no more than this of a file. */
const PIECE = 16 * 1024 ** 2;
