import { constants } from 'node:fs';
import { open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LIVE_LOG } from '../paths.ts';

/** How much of the machine's log is asked for at once. */
export const LOG_PIECE = 256 * 1024;

/**
 * Copies the machine's log behind what the pod's own containers have written into theirs. All state is the length of that
 * file and where the copy began in it: whatever is lost on the way, no byte is missing and none comes twice.
 */
export class LogCopy {
  readonly #path: string;
  readonly #base: number;
  readonly #maxBytes: number;
  #offset: number;

  private constructor(path: string, base: number, offset: number, maxBytes: number) {
    this.#path = path;
    this.#base = base;
    this.#offset = offset;
    this.#maxBytes = maxBytes;
  }

  /**
   * `stateFile` remembers where the copy began. `maxBytes` bounds what is taken from a machine that keeps to no limit.
   */
  static async open(resultsDir: string, stateFile: string, maxBytes: number): Promise<LogCopy> {
    const path = join(resultsDir, LIVE_LOG);
    const size = await sizeOf(path);
    const base = (await readBase(stateFile)) ?? size;
    // Before the first byte is copied, so that a copy that was begun is always known as such.
    await writeFile(`${stateFile}.new`, `${base}\n`);
    await rename(`${stateFile}.new`, stateFile);
    return new LogCopy(path, base, Math.max(0, size - base), maxBytes);
  }

  static async isBegun(stateFile: string): Promise<boolean> {
    return (await readBase(stateFile)) !== undefined;
  }

  /** From where the machine's log is to be read on. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes may still come. */
  get room(): number {
    return Math.max(0, Math.min(LOG_PIECE, this.#maxBytes - this.#offset));
  }

  /** `bytes` are those at `offset` of the machine's log. */
  async append(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
    const file = await open(this.#path, flags, 0o644);
    try {
      // At its place, so that a write that was cut short is written over.
      let written = 0;
      while (written < bytes.length) {
        const at = this.#base + this.#offset + written;
        written += (await file.write(bytes, written, bytes.length - written, at)).bytesWritten;
      }
    } finally {
      await file.close();
    }
    this.#offset += bytes.length;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

async function readBase(path: string): Promise<number | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
