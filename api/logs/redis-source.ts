import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { LOG_PIECE_BYTES, logFields, logKey } from '../../lib/protocol/live-log.ts';
import type { Redis } from '../../lib/redis/client.ts';
import { type Chunk, ChunkQueue, type ChunkSource } from './chunks.ts';

export interface RedisLogsOptions {
  redis: Pick<Redis, 'ready' | 'command'>;
  clock: Clock;
  log: Logger;
}

/** One log that somebody follows. */
interface Followed {
  queues: Set<ChunkQueue>;
  /** Entry of the stream up to which everything was passed on; undefined while that is not known. */
  last: string | undefined;
}

const POLL_MS = 200;
const COMMAND_MS = 2_000;
/** Bytes that one look at all streams may bring, about. */
const MAX_ROUND_BYTES = 8 * 1024 * 1024;

/**
 * New pieces of all logs that are followed in this process. One look at Redis for all of them, five times a second and only while there
 * are any: no connection is held for a reader.
 */
export class RedisLogs {
  readonly #options: RedisLogsOptions;
  readonly #followed = new Map<string, Followed>();
  #working = false;
  /** Whether the last look worked. */
  #live = false;

  constructor(options: RedisLogsOptions) {
    this.#options = options;
  }

  /** Pieces of the log at `path`, relative to the results root, from about now on. To be closed. */
  follow(path: string): ChunkSource {
    const { clock } = this.#options;
    const key = logKey(path);
    const queue = new ChunkQueue();
    const followed = this.#followed.get(key) ?? { queues: new Set(), last: undefined };
    followed.queues.add(queue);
    this.#followed.set(key, followed);
    if (!this.#working) void this.#work();
    const isLive = (): boolean => this.#live && followed.last !== undefined;
    return {
      get live() {
        return isLive();
      },
      take: () => queue.take(),
      wait: (ms, signal) => queue.wait((woken) => clock.sleep(ms, woken), signal),
      close: () => {
        followed.queues.delete(queue);
        if (followed.queues.size === 0) this.#followed.delete(key);
      },
    };
  }

  /** Ends when nobody follows any more. Never rejects. */
  async #work(): Promise<void> {
    const { redis, clock, log } = this.#options;
    this.#working = true;
    while (this.#followed.size > 0) {
      try {
        if (!redis.ready) throw new Error('redis is away');
        await this.#begin();
        await this.#round();
        this.#live = true;
      } catch (error) {
        if (this.#live) log.debug({ error: errorMessage(error) }, 'live logs come from the stored files for now');
        this.#live = false;
        // Perhaps another Redis with other numbers: begin anew.
        for (const followed of this.#followed.values()) followed.last = undefined;
      }
      await clock.sleep(POLL_MS);
    }
    this.#live = false;
    this.#working = false;
  }

  /** New followers begin behind what is there: the stored file has that already. */
  async #begin(): Promise<void> {
    const fresh = [...this.#followed].filter(([, { last }]) => last === undefined);
    await Promise.all(
      fresh.map(async ([key, followed]) => {
        const reply = await this.#options.redis.command(['XREVRANGE', key, '+', '-', 'COUNT', '1'], COMMAND_MS);
        followed.last = entriesOf(reply)[0]?.id ?? '0-0';
      }),
    );
  }

  async #round(): Promise<void> {
    const keys = [...this.#followed.keys()];
    if (keys.length === 0) return;
    const count = Math.max(1, Math.floor(MAX_ROUND_BYTES / LOG_PIECE_BYTES / keys.length));
    const ids = keys.map((key) => this.#followed.get(key)?.last ?? '$');
    const reply = await this.#options.redis.command(
      ['XREAD', 'COUNT', String(count), 'STREAMS', ...keys, ...ids],
      COMMAND_MS,
    );
    for (const stream of listOf(reply)) {
      const [key, entries] = listOf(stream);
      const followed = this.#followed.get(String(key));
      if (followed === undefined) continue;
      for (const { id, chunk } of entriesOf(entries)) {
        followed.last = id;
        if (chunk === undefined) continue;
        for (const queue of followed.queues) queue.put(chunk);
      }
    }
  }
}

/** For readers of an installation without Redis. */
export function noChunks(clock: Clock): ChunkSource {
  const queue = new ChunkQueue();
  return {
    live: false,
    take: () => undefined,
    wait: (ms, signal) => queue.wait((woken) => clock.sleep(ms, woken), signal),
    close: () => undefined,
  };
}

function entriesOf(reply: unknown): { id: string; chunk: Chunk | undefined }[] {
  return listOf(reply).map((entry) => {
    const [id, fields] = listOf(entry);
    return { id: String(id), chunk: chunkOf(listOf(fields)) };
  });
}

/** Undefined for an entry that is none of ours. */
function chunkOf(fields: readonly unknown[]): Chunk | undefined {
  const values = new Map<string, unknown>();
  for (let index = 0; index + 1 < fields.length; index += 2) values.set(String(fields[index]), fields[index + 1]);
  const offset = Number(values.get(logFields.offset));
  const data = values.get(logFields.data);
  if (!Number.isSafeInteger(offset) || offset < 0 || !Buffer.isBuffer(data)) return undefined;
  return { task: String(values.get(logFields.task)), offset, data };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
