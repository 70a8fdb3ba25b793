import type { FileHandle } from 'node:fs/promises';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../../lib/durable.ts';
import { errorCode } from '../../lib/errors.ts';

/** One thing that was done with a key. Times are RFC 3339. */
export type AuditRecord =
  | {
      event: 'sign';
      time: string;
      peer: string;
      identity: string;
      fingerprint: string;
      hash: string;
      digest: string;
      signatureClass: number;
      signedTime: number;
    }
  | { event: 'create-key'; time: string; peer: string; identity: string; fingerprint: string };

export interface AuditLogOptions {
  path: string;
  /** The log is set aside before it grows beyond this. */
  maxBytes: number;
  /** Logs set aside (`audit.log.1` is the youngest) that are kept; the oldest goes. */
  keep: number;
}

/** The record could not be made durable; what it tells about must not happen. */
export class AuditError extends Error {
  constructor(cause: unknown) {
    super(`the audit log cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`);
    this.name = 'AuditError';
  }
}

interface Batch {
  text: string;
  done: Promise<void>;
  settle: (error?: AuditError) => void;
}

/**
 * Append-only JSON lines. `append` resolves when the records are on the disk: records that arrive while the disk is busy share the next
 * write and fsync, so durability costs one fsync per batch and not one per record.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  #file: { handle: FileHandle; size: number } | undefined;
  #next: Batch | undefined;
  #writer: Promise<void> | undefined;

  private constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Opens the log, so that a directory which cannot be written is known at the start. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options);
    log.#file = await openForAppend(options.path);
    return log;
  }

  /** Rejects with AuditError when the records are not on the disk; then none of them stays in the log as far as the disk allows. */
  append(records: readonly AuditRecord[]): Promise<void> {
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
    this.#next ??= newBatch();
    this.#next.text += text;
    const { done } = this.#next;
    this.#writer ??= this.#writeAll();
    return done;
  }

  /** Waits for what is being written and closes the file. */
  async close(): Promise<void> {
    await this.#writer;
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  async #writeAll(): Promise<void> {
    for (let batch = this.#next; batch !== undefined; batch = this.#next) {
      this.#next = undefined;
      try {
        await this.#write(batch.text);
        batch.settle();
      } catch (error) {
        await this.#giveUpFile();
        batch.settle(new AuditError(error));
      }
    }
    this.#writer = undefined;
  }

  async #write(text: string): Promise<void> {
    const length = Buffer.byteLength(text);
    if (this.#file !== undefined && this.#file.size > 0 && this.#file.size + length > this.#options.maxBytes) {
      await this.#file.handle.close();
      this.#file = undefined;
      await rotate(this.#options.path, this.#options.keep);
    }
    this.#file ??= await openForAppend(this.#options.path);
    await this.#file.handle.appendFile(text);
    await this.#file.handle.datasync();
    this.#file.size += length;
  }

  /** After a failed write the file is cut back to the last good record and opened anew for the next one. */
  async #giveUpFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    await file.handle.truncate(file.size).catch(() => {});
    await file.handle.close().catch(() => {});
  }
}

function newBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { text: '', done: promise, settle: (error) => (error === undefined ? resolve() : reject(error)) };
}

async function openForAppend(path: string): Promise<{ handle: FileHandle; size: number }> {
  const handle = await open(path, 'a+', 0o600);
  try {
    await syncDirectory(dirname(path));
    let { size } = await handle.stat();
    if (size > 0) {
      // A crash may have torn the last line: its end is marked so that the next record stays readable.
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
      if (buffer.toString('latin1') !== '\n') {
        await handle.appendFile('\n');
        size += 1;
      }
    }
    return { handle, size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Renames `log` → `log.1` → `log.2` …, up to the first number that is free; only when none is, the oldest is removed. Safe to interrupt. */
async function rotate(path: string, keep: number): Promise<void> {
  const nameOf = (index: number): string => (index === 0 ? path : `${path}.${index}`);
  let free = 1;
  while (free <= keep && (await isThere(nameOf(free)))) free++;
  if (free > keep) {
    await rm(nameOf(keep), { force: true });
    free = keep;
  }
  for (let index = free - 1; index >= 0; index--) await rename(nameOf(index), nameOf(index + 1));
  await syncDirectory(dirname(path));
}

async function isThere(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'r');
    await handle.close();
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

export function auditPath(dataDirectory: string): string {
  return join(dataDirectory, 'audit.log');
}
