import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';

/**
 * The results directory belongs to a stranger: any name in it may be a link to somewhere, a FIFO that blocks for ever, or
 * be swapped between two looks. So a file is opened once, without following links and without blocking, and
 * everything else is asked of the open file.
 */
export interface PlainFile {
  handle: FileHandle;
  size: number;
}

/** Resolves with undefined when there is nothing of that name, and with 'odd' for what is not a regular file. */
export async function openPlainFile(path: string): Promise<PlainFile | 'odd' | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // ELOOP: a link; EACCES, ENXIO and others: nothing of ours.
    return 'odd';
  }
  const stat = await handle.stat();
  if (stat.isFile()) return { handle, size: stat.size };
  await handle.close();
  return 'odd';
}

/** The bytes from `offset`, at most `length` of them; empty at the end, when the file is missing or not a file. */
export async function readSlice(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await openPlainFile(path);
  if (file === undefined || file === 'odd') return Buffer.alloc(0);
  try {
    const wanted = Math.min(length, Math.max(0, file.size - offset));
    const buffer = Buffer.alloc(wanted);
    const { bytesRead } = await file.handle.read(buffer, 0, wanted, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.handle.close();
  }
}
