/** Cuts a byte stream into lines. A line longer than the limit is a broken stream, not a reason to eat all memory. */
export class LineSplitter {
  private readonly onLine: (line: string) => void;
  private readonly maxBytes: number;
  private parts: Buffer[] = [];
  private pending = 0;

  constructor(onLine: (line: string) => void, maxBytes = 32 * 1024 * 1024) {
    this.onLine = onLine;
    this.maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (;;) {
      const newline = chunk.indexOf(0x0a, from);
      if (newline < 0) break;
      this.take(chunk.subarray(from, newline));
      const line = this.parts.length === 1 ? (this.parts[0] as Buffer) : Buffer.concat(this.parts);
      this.parts = [];
      this.pending = 0;
      from = newline + 1;
      if (line.length > 0) this.onLine(line.toString('utf8'));
    }
    if (from < chunk.length) this.take(Buffer.from(chunk.subarray(from)));
  }

  /** Bytes of a line that has not ended yet. */
  get unfinished(): number {
    return this.pending;
  }

  private take(part: Buffer): void {
    this.parts.push(part);
    this.pending += part.length;
    if (this.pending > this.maxBytes) throw new Error(`a line of the stream exceeds ${this.maxBytes} bytes`);
  }
}
