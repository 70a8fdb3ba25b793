import { TerminalError } from '../../lib/errors.ts';

/** One member of an archive, as the archive claims it; nothing about it is trustworthy yet. */
export interface CpioEntry {
  name: string;
  /** st_mode with the file type. */
  mode: number;
  size: number;
  links: number;
}

export type CpioEvent = { kind: 'entry'; entry: CpioEntry } | { kind: 'data'; chunk: Buffer };

const HEADER_BYTES = 110;
const MAX_NAME_BYTES = 4096;
const TRAILER = 'TRAILER!!!';

/**
 * Reads a "newc" archive from a stream: an `entry` event, then its content as `data` events. Memory use is bounded by
 * the size of the stream's chunks. It only reads: what an entry may do is decided by who writes the files, so there
 * is no extraction step in which a name or a link could reach outside. Rejects with TerminalError `BadPayload`.
 */
export async function* readCpio(chunks: AsyncIterable<Buffer>): AsyncGenerator<CpioEvent, void, undefined> {
  const input = new Input(chunks);
  for (;;) {
    const entry = await readEntry(input);
    if (entry === undefined) return;
    yield { kind: 'entry', entry };
    let left = entry.size;
    while (left > 0) {
      const chunk = await input.some(left);
      left -= chunk.length;
      yield { kind: 'data', chunk };
    }
    await input.exactly(padding(entry.size));
  }
}

async function readEntry(input: Input): Promise<CpioEntry | undefined> {
  const header = (await input.exactly(HEADER_BYTES)).toString('latin1');
  const magic = header.slice(0, 6);
  if (magic !== '070701' && magic !== '070702') {
    throw new TerminalError('BadPayload', 'the payload of the SRPM is not a cpio archive of the "newc" kind');
  }
  const fields = header.slice(6);
  if (!/^[0-9a-fA-F]+$/.test(fields))
    throw new TerminalError('BadPayload', 'a cpio header has a field that is not a number');
  const field = (index: number): number => Number.parseInt(fields.slice(index * 8, index * 8 + 8), 16);
  const nameBytes = field(11);
  if (nameBytes < 1 || nameBytes > MAX_NAME_BYTES) {
    throw new TerminalError('BadPayload', `a cpio header announces a file name of ${nameBytes} bytes`);
  }
  const raw = await input.exactly(nameBytes);
  await input.exactly(padding(HEADER_BYTES + nameBytes));
  const end = raw.indexOf(0);
  if (end !== nameBytes - 1)
    throw new TerminalError('BadPayload', 'a file name in the cpio archive is not ended properly');
  const name = raw.subarray(0, end).toString('utf8');
  if (name === TRAILER) return undefined;
  return { name, mode: field(1), size: field(6), links: field(4) };
}

/** Header with name, and content, each fill up to a multiple of four bytes. */
function padding(size: number): number {
  return (4 - (size % 4)) % 4;
}

class Input {
  private readonly source: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** Between 1 and `max` bytes. */
  async some(max: number): Promise<Buffer> {
    while (this.rest.length === 0) {
      const next = await this.source.next();
      if (next.done) throw new TerminalError('BadPayload', 'the payload of the SRPM ends in the middle of a file');
      this.rest = next.value;
    }
    const taken = this.rest.subarray(0, max);
    this.rest = this.rest.subarray(taken.length);
    return taken;
  }

  async exactly(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let left = size;
    while (left > 0) {
      const part = await this.some(left);
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }
}
