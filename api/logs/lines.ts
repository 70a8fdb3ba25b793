/** A longer line is cut into several, at the same places whatever pieces it comes in. */
export const MAX_LINE_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const EMPTY: Buffer = Buffer.alloc(0);

/** Makes lines of pieces of a log. A line is decoded as a whole, so that no character is torn. */
export class LineSplitter {
  #rest: Buffer[] = [];
  #size = 0;

  /** The lines that are complete now, without their ends (\n, \r\n). */
  push(piece: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    while (start < piece.length) {
      const newline = piece.indexOf(NEWLINE, start);
      const end = newline === -1 ? piece.length : newline;
      const part = piece.subarray(start, end);
      // A copy: the rest of a piece must not hold on to all of it.
      this.#rest.push(newline === -1 ? Buffer.from(part) : part);
      this.#size += part.length;
      while (this.#size > MAX_LINE_BYTES) lines.push(this.#cut());
      if (newline === -1) break;
      lines.push(decode(this.#take()));
      start = newline + 1;
    }
    return lines;
  }

  /** The last line, if it has no end. */
  end(): string[] {
    return this.#size === 0 ? [] : [decode(this.#take())];
  }

  #take(): Buffer {
    const [only = EMPTY, ...more] = this.#rest;
    const line = more.length === 0 ? only : Buffer.concat(this.#rest);
    this.#rest = [];
    this.#size = 0;
    return line;
  }

  #cut(): string {
    const line = this.#take();
    let at = MAX_LINE_BYTES;
    // Not inside of a character: its later bytes begin with the bits 10.
    while (at > MAX_LINE_BYTES - 3 && ((line[at] ?? 0) & 0xc0) === 0x80) at--;
    const rest = line.subarray(at);
    this.#rest = [rest];
    this.#size = rest.length;
    return decode(line.subarray(0, at));
  }
}

function decode(line: Buffer): string {
  const end = line.at(-1) === 0x0d ? line.length - 1 : line.length;
  return line.toString('utf8', 0, end);
}
