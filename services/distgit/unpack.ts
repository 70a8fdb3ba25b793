import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import { fileNameProblem } from '../../lib/lookaside/file-name.ts';
import { type CpioEntry, readCpio } from './cpio.ts';
import { collect, killGroup, TOOL_ENV } from './process.ts';

export interface UnpackedFile {
  name: string;
  /** Where the content is; a number, never the stranger's name. */
  path: string;
  size: number;
  executable: boolean;
  /** A zero byte near the beginning: what git takes for binary, too. */
  binary: boolean;
  md5: string;
  sha256: string;
  sha512: string;
}

export interface UnpackLimits {
  files: number;
  bytes: number;
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
/** As git does it. */
const SNIFF_BYTES = 8000;

/** The plain name of an entry, or a TerminalError that names the entry and what is wrong with it. */
export function checkEntry(entry: CpioEntry): string {
  const name = entry.name.startsWith('./') ? entry.name.slice(2) : entry.name;
  const shown = JSON.stringify(entry.name.slice(0, 120));
  if ((entry.mode & S_IFMT) !== S_IFREG) {
    throw new TerminalError(
      'BadFileType',
      `${shown} in the SRPM is not a regular file; only regular files are imported`,
    );
  }
  if (entry.links > 1)
    throw new TerminalError('BadFileType', `${shown} in the SRPM is a hard link; store it as a file`);
  const problem = fileNameProblem(name);
  if (problem) throw new TerminalError('BadFileName', `the file name ${shown} in the SRPM ${problem}`);
  return name;
}

/**
 * Writes the files of an SRPM into `dir` as `0`, `1`, … `rpm2cpio` only decompresses; the archive is read here.
 * A file is on disk, synced, when the promise resolves. Rejects with TerminalError for anything but plain files.
 */
export async function unpackSrpm(
  srpm: string,
  dir: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<UnpackedFile[]> {
  const child = spawn('rpm2cpio', [srpm], {
    cwd: '/',
    env: { ...TOOL_ENV },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = (): void => killGroup(child);
  const stderr = collect(child.stderr, 4096, () => undefined);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  // Looked at below; a child that cannot even start must not become an unhandled rejection meanwhile.
  closed.catch(() => undefined);
  signal.addEventListener('abort', kill, { once: true });
  try {
    const files = await writeFiles(child.stdout, dir, limits).catch(async (error: unknown) => {
      const endedByItself = child.stdout.readableEnded;
      // What is left unread would keep the process, and our wait for its end, for ever.
      child.stdout.destroy();
      if (!endedByItself) kill();
      const [code] = await closed;
      signal.throwIfAborted();
      // An archive that breaks off says less than the tool that broke it off.
      throw endedByItself && code !== 0 ? unreadable(stderr().toString()) : error;
    });
    child.stdout.resume();
    const [code] = await closed;
    signal.throwIfAborted();
    if (code !== 0) throw unreadable(stderr().toString());
    return files;
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
  }
}

/** rpm2cpio says nothing when it has unpacked more or less than the header announces. */
function unreadable(words: string): TerminalError {
  const reason = words.trim().slice(0, 300) || 'its payload is damaged or not as long as its header says';
  return new TerminalError('BadPayload', `the SRPM cannot be unpacked: ${reason}`);
}

async function writeFiles(chunks: AsyncIterable<Buffer>, dir: string, limits: UnpackLimits): Promise<UnpackedFile[]> {
  const files: UnpackedFile[] = [];
  const names = new Set<string>();
  let writer: Writer | undefined;
  let bytes = 0;
  try {
    for await (const event of readCpio(chunks)) {
      if (event.kind === 'data') {
        await writer?.write(event.chunk);
        continue;
      }
      if (writer) files.push(await writer.finish());
      writer = undefined;
      const name = checkEntry(event.entry);
      bytes += event.entry.size;
      if (names.has(name)) throw new TerminalError('NameClash', `the SRPM has two files named ${JSON.stringify(name)}`);
      names.add(name);
      if (names.size > limits.files)
        throw new TerminalError('TooManyFiles', `the SRPM has more than ${limits.files} files`);
      if (bytes > limits.bytes) {
        throw new TerminalError(
          'UnpackedTooLarge',
          `the files of the SRPM are larger than ${limits.bytes} bytes together`,
        );
      }
      writer = await Writer.create(join(dir, String(files.length)), name, event.entry);
    }
    if (writer) files.push(await writer.finish());
    writer = undefined;
    return files;
  } finally {
    await writer?.abandon();
  }
}

class Writer {
  private readonly handle: FileHandle;
  private readonly file: Pick<UnpackedFile, 'name' | 'path' | 'size' | 'executable'>;
  private readonly digests = [createHash('md5'), createHash('sha256'), createHash('sha512')] as const;
  private written = 0;
  private binary = false;

  private constructor(handle: FileHandle, file: Pick<UnpackedFile, 'name' | 'path' | 'size' | 'executable'>) {
    this.handle = handle;
    this.file = file;
  }

  static async create(path: string, name: string, entry: CpioEntry): Promise<Writer> {
    const handle = await open(path, 'wx', 0o644);
    return new Writer(handle, { name, path, size: entry.size, executable: (entry.mode & 0o100) !== 0 });
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.written < SNIFF_BYTES && chunk.subarray(0, SNIFF_BYTES - this.written).includes(0)) this.binary = true;
    this.written += chunk.length;
    for (const digest of this.digests) digest.update(chunk);
    await this.handle.writeFile(chunk);
  }

  async finish(): Promise<UnpackedFile> {
    await this.handle.datasync();
    await this.handle.close();
    const [md5, sha256, sha512] = this.digests;
    return {
      ...this.file,
      binary: this.binary,
      md5: md5.digest('hex'),
      sha256: sha256.digest('hex'),
      sha512: sha512.digest('hex'),
    };
  }

  async abandon(): Promise<void> {
    await this.handle.close().catch(() => undefined);
  }
}
