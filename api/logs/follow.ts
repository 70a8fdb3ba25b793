import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Chunk, ChunkSource } from './chunks.ts';
import type { StoredLog } from './stored.ts';

/** What a reader gets in place of bytes when the log is a new one, of a later attempt, which follows from its beginning. */
export const RESTART = 'restart';

export interface FollowOptions {
  stored: StoredLog;
  chunks: ChunkSource;
  /** Whether the stage has ended: then the stored file is whole. */
  over: () => boolean | Promise<boolean>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}

/** How often the stored file is looked at: when nothing else tells of news, and as a check beside the stream. */
const POLL_MS = 1_000;
const CHECK_MS = 5_000;
/** How often the stage is asked whether it is over. */
const TURN_MS = 1_000;
/** Bytes at the end of what was read that the stored file must still have in its place. */
const TAIL_BYTES = 1024;
/** Reads that may fail in a row, at a second each. */
const MAX_FAILURES = 60;

/**
 * The bytes of a log from its beginning, as they come, until the stage is over. The stored file is the truth; the stream only brings news
 * sooner. All there is to know is one position: a piece that begins before it is cut, one that begins behind it means that something is
 * missing, which is then read from the file. Each look at the file also compares what stands before the position.
 */
export async function* follow(options: FollowOptions): AsyncGenerator<Buffer | typeof RESTART> {
  const follower = new Follower(options);
  const { clock, chunks, over, signal } = options;
  let nextLook = 0;
  for (;;) {
    signal.throwIfAborted();
    // Asked before the file is read: what is stored when the stage is over is all there will be.
    const ended = await over();
    if (ended || clock.monotonic() >= nextLook) {
      yield* follower.look();
      nextLook = clock.monotonic() + (chunks.live ? CHECK_MS : POLL_MS);
      if (ended && follower.failures === 0) return;
    }
    for (let chunk = chunks.take(); chunk !== undefined; chunk = chunks.take()) yield* follower.accept(chunk);
    if (follower.failures > 0) {
      await clock.sleep(POLL_MS, signal);
      nextLook = 0;
      continue;
    }
    const ms = Math.min(TURN_MS, Math.max(1, nextLook - clock.monotonic()));
    await chunks.wait(ms, signal);
    if (!chunks.live) nextLook = Math.min(nextLook, clock.monotonic() + POLL_MS);
  }
}

class Follower {
  readonly #options: FollowOptions;
  #position = 0;
  #tail: Buffer = Buffer.alloc(0);
  #task: string | undefined;
  /** Of the file when it was last read to its end, and where that was. */
  #whole: { etag: string | undefined; size: number } | undefined;
  /** Looks at the file that failed since the last good one. */
  failures = 0;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Reads the file to its end. An error counts as failure; after too many it is thrown. */
  async *look(): AsyncGenerator<Buffer | typeof RESTART> {
    const { log, signal } = this.#options;
    try {
      if ((yield* this.#read()) === RESTART) {
        this.#position = 0;
        this.#tail = Buffer.alloc(0);
        this.#whole = undefined;
        yield RESTART;
        yield* this.#read();
      }
      this.failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      this.failures++;
      if (this.failures >= MAX_FAILURES) throw error;
      log.debug({ error: errorMessage(error) }, 'a stored log cannot be read, it is tried again');
    }
  }

  async *accept({ task, offset, data }: Chunk): AsyncGenerator<Buffer | typeof RESTART> {
    if (task !== this.#task) {
      // Perhaps a new file under the same name: looking at it tells, and until that worked its pieces are none of this log's.
      yield* this.look();
      if (this.failures > 0) return;
      this.#task = task;
    }
    if (offset > this.#position) yield* this.look();
    // The file does not have what comes before: it is a new one, or cannot be read now. The next look will tell.
    if (offset > this.#position || offset + data.length <= this.#position) return;
    yield this.#advance(data.subarray(this.#position - offset));
  }

  async *#read(): AsyncGenerator<Buffer, typeof RESTART | undefined> {
    const { stored, signal } = this.#options;
    const from = this.#position - this.#tail.length;
    const tail = this.#tail;
    // What the stream brought since is compared, too.
    const etag = this.#whole?.size === this.#position ? this.#whole.etag : undefined;
    const answer = await stored.read(from, etag, signal);
    if (answer === 'unchanged') return undefined;
    // What was there was set aside for the log of another attempt.
    if (answer === 'none') return this.#position === 0 ? undefined : RESTART;
    if (answer === 'beyond') return RESTART;
    let at = answer.start;
    for await (const piece of answer.body) {
      const end = at + piece.length;
      // What both know must be the same.
      const low = Math.max(at, from);
      const high = Math.min(end, from + tail.length);
      if (low < high && !piece.subarray(low - at, high - at).equals(tail.subarray(low - from, high - from))) {
        return RESTART;
      }
      if (end > this.#position) yield this.#advance(piece.subarray(this.#position - at));
      at = end;
    }
    if (at < this.#position) return RESTART;
    this.#whole = { etag: answer.etag, size: at };
    return undefined;
  }

  #advance(data: Buffer): Buffer {
    this.#position += data.length;
    const joined = data.length >= TAIL_BYTES ? data : Buffer.concat([this.#tail, data]);
    // A copy: a part would hold on to the whole piece.
    this.#tail = Buffer.from(joined.subarray(-TAIL_BYTES));
    return data;
  }
}
