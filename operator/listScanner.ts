/**
 * Cuts the JSON of a list into its items while it arrives. One JSON.parse of a list of 50,000 objects would stop the
 * process for half a second and hold the text, the buffer and the objects at once; this holds one item at a time.
 */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

export interface ListHead {
  kind?: string;
  apiVersion?: string;
  metadata?: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
}

export class ListScanner {
  private readonly onItem: (item: unknown) => void;
  /** Everything outside the items: `{"kind":…,"metadata":…,"items":[]}`. */
  private readonly shell: Buffer[] = [];
  /** The last characters of the shell, to recognise `"items":` when its bracket opens. */
  private shellTail = '';
  private parts: Buffer[] = [];
  private depth = 0;
  private inString = false;
  private escaped = false;
  private inItems = false;

  constructor(onItem: (item: unknown) => void) {
    this.onItem = onItem;
  }

  push(chunk: Buffer): void {
    let from = 0;
    const end = chunk.length;
    for (let i = 0; i < end; i++) {
      if (this.inString) {
        i = this.skipString(chunk, i);
        continue;
      }
      const byte = chunk[i];
      if (byte === QUOTE) {
        this.inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.depth += 1;
        if (!this.inItems && this.depth === 2 && byte === OPEN_BRACKET && this.opensItems(chunk.subarray(from, i))) {
          this.takeShell(chunk.subarray(from, i + 1));
          this.inItems = true;
          from = i + 1;
        } else if (this.inItems && this.depth === 3) {
          from = i;
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.depth -= 1;
        if (this.inItems && this.depth === 2) {
          this.emit(chunk.subarray(from, i + 1));
          from = i + 1;
        } else if (this.inItems && this.depth === 1) {
          this.inItems = false;
          from = i;
        }
      }
    }
    const rest = chunk.subarray(from);
    if (!this.inItems) this.takeShell(rest);
    else if (this.depth > 2) this.parts.push(Buffer.from(rest));
  }

  /** The list without its items. Throws when the text ended early or is not a list. */
  end(): ListHead {
    if (this.depth !== 0 || this.inString) throw new SyntaxError('the list ended in the middle');
    return JSON.parse(Buffer.concat(this.shell).toString('utf8')) as ListHead;
  }

  /** Returns the index of the last byte of the string within this chunk. */
  private skipString(chunk: Buffer, start: number): number {
    let i = start;
    if (this.escaped) {
      this.escaped = false;
      i += 1;
    }
    for (; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === BACKSLASH) {
        if (i + 1 === chunk.length) this.escaped = true;
        i += 1;
      } else if (byte === QUOTE) {
        this.inString = false;
        return i;
      }
    }
    return chunk.length;
  }

  private opensItems(pending: Buffer): boolean {
    return /"items"\s*:\s*$/.test(this.shellTail + pending.toString('latin1'));
  }

  private takeShell(part: Buffer): void {
    // A copy: the chunk belongs to the socket's pool.
    this.shell.push(Buffer.from(part));
    this.shellTail = (this.shellTail + part.toString('latin1')).slice(-32);
  }

  private emit(tail: Buffer): void {
    if (this.parts.length === 0) {
      this.onItem(JSON.parse(tail.toString('utf8')));
      return;
    }
    this.parts.push(tail);
    const whole = Buffer.concat(this.parts);
    this.parts = [];
    this.onItem(JSON.parse(whole.toString('utf8')));
  }
}
