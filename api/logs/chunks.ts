/** A piece of a log that came through Redis. */
export interface Chunk {
  task: string;
  offset: number;
  data: Buffer;
}

/** Pieces on their way to one reader. */
export interface ChunkSource {
  /** Pieces come as soon as they are stored; without that the stored file has to be asked more often. */
  readonly live: boolean;
  take(): Chunk | undefined;
  /** Resolves when there is a piece, or after `ms`. Rejects when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Bytes that wait for a reader. A slower one loses all of them, and finds them in the stored file. */
const MAX_BYTES = 1024 * 1024;

/** A bounded queue with one reader. */
export class ChunkQueue {
  #chunks: Chunk[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  put(chunk: Chunk): void {
    if (this.#bytes + chunk.data.length > MAX_BYTES) {
      this.#chunks = [];
      this.#bytes = 0;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.data.length;
    this.#wake?.();
  }

  take(): Chunk | undefined {
    const chunk = this.#chunks.shift();
    this.#bytes -= chunk?.data.length ?? 0;
    return chunk;
  }

  async wait(sleep: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#chunks.length > 0) return;
    const done = new AbortController();
    const end = (): void => done.abort();
    this.#wake = end;
    signal.addEventListener('abort', end, { once: true });
    try {
      await sleep(done.signal);
    } catch (error) {
      if (!done.signal.aborted) throw error;
    } finally {
      this.#wake = undefined;
      signal.removeEventListener('abort', end);
    }
    signal.throwIfAborted();
  }
}
