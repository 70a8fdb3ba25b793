import type { Counter } from 'prom-client';
import { LOG_ENTRIES, LOG_PIECE_BYTES, LOG_SECONDS, logFields, logKey } from '../../../lib/protocol/live-log.ts';
import type { Redis } from '../../../lib/redis/client.ts';

export interface LiveLogStreamOptions {
  redis: Pick<Redis, 'ready' | 'command'>;
  pieces: Counter<'outcome'>;
  /** Bytes that may wait for Redis; what comes on top is dropped. */
  maxBytes?: number;
}

interface Piece {
  key: string;
  task: string;
  offset: number;
  data: Buffer;
}

const MAX_BYTES = 4 * 1024 * 1024;
const BATCH = 64;
const COMMAND_MS = 5_000;

/**
 * Passes on to Redis what was appended to logs. It may lose any piece, never delays who offers it and never fails: readers find gaps
 * by the offsets and fill them from the stored file.
 */
export class LiveLogStream {
  readonly #redis: Pick<Redis, 'ready' | 'command'>;
  readonly #pieces: Counter<'outcome'>;
  readonly #maxBytes: number;
  #queue: Piece[] = [];
  #bytes = 0;
  #pumping: Promise<void> | undefined;

  constructor({ redis, pieces, maxBytes = MAX_BYTES }: LiveLogStreamOptions) {
    this.#redis = redis;
    this.#pieces = pieces;
    this.#maxBytes = maxBytes;
  }

  /** `path` is relative to the results root. `data` is copied. */
  offer(path: string, task: string, offset: number, data: Buffer): void {
    const key = logKey(path);
    for (let start = 0; start < data.length; start += LOG_PIECE_BYTES) {
      const piece = data.subarray(start, start + LOG_PIECE_BYTES);
      if (!this.#redis.ready || this.#bytes + piece.length > this.#maxBytes) {
        this.#pieces.inc({ outcome: 'dropped' });
        continue;
      }
      this.#queue.push({ key, task, offset: offset + start, data: Buffer.from(piece) });
      this.#bytes += piece.length;
    }
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined;
    });
  }

  /** Resolves when nothing waits for Redis any more: it was sent or dropped. */
  async idle(): Promise<void> {
    while (this.#pumping !== undefined) await this.#pumping;
  }

  /** Never rejects. */
  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH);
      // The commands go out together and in order; Redis works through them one by one.
      const outcomes = await Promise.allSettled([
        ...batch.map((piece) => this.#redis.command(add(piece), COMMAND_MS)),
        ...[...new Set(batch.map(({ key }) => key))].map((key) =>
          this.#redis.command(['EXPIRE', key, String(LOG_SECONDS)], COMMAND_MS),
        ),
      ]);
      for (const [index, { data }] of batch.entries()) {
        this.#bytes -= data.length;
        this.#pieces.inc({ outcome: outcomes[index]?.status === 'fulfilled' ? 'streamed' : 'dropped' });
      }
    }
  }
}

function add({ key, task, offset, data }: Piece): (string | Buffer)[] {
  const limit = ['MAXLEN', '~', String(LOG_ENTRIES)];
  return ['XADD', key, ...limit, '*', logFields.offset, String(offset), logFields.task, task, logFields.data, data];
}
