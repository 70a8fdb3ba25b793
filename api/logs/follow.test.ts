import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Chunk, ChunkSource } from './chunks.ts';
import { follow, RESTART } from './follow.ts';
import type { StoredLog } from './stored.ts';

/** What may happen to a log and to those who carry it, one after the other. */
type Step =
  | { kind: 'append'; bytes: number }
  /** Stored, and lost on the way through Redis. */
  | { kind: 'lose'; bytes: number }
  /** Everything that waits in the stream is gone: trimmed, or Redis was started anew. */
  | { kind: 'forget' }
  /** Something that was there before comes again. */
  | { kind: 'repeat'; bytes: number }
  | { kind: 'look' }
  | { kind: 'fail' }
  | { kind: 'live'; live: boolean }
  /** The file is compressed: the server gives the whole of it. */
  | { kind: 'compress' }
  /** Another attempt writes a new file. */
  | { kind: 'restart'; bytes: number };

const amount = fc.integer({ min: 1, max: 3000 });
const calm: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constant('append' as const), bytes: amount }),
  fc.record({ kind: fc.constant('lose' as const), bytes: amount }),
  fc.record({ kind: fc.constant('repeat' as const), bytes: amount }),
  fc.constant({ kind: 'forget' as const }),
  fc.constant({ kind: 'look' as const }),
  fc.constant({ kind: 'fail' as const }),
  fc.constant({ kind: 'compress' as const }),
  fc.record({ kind: fc.constant('live' as const), live: fc.boolean() }),
];
const restart: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('restart' as const), bytes: fc.nat(3000) });

/** A log of which no two parts are alike. */
class World implements ChunkSource, StoredLog {
  live = true;
  file = Buffer.alloc(0);
  #attempt = 1;
  #compressed = false;
  #failing = false;
  #time = 0;
  #words = 0;
  readonly #chunks: Chunk[] = [];
  readonly #steps: Step[];
  readonly clock: Clock = {
    now: () => this.#time,
    monotonic: () => this.#time,
    sleep: async (ms) => {
      this.#time += ms;
      this.#next();
    },
  };

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
  }

  over(): boolean {
    return this.#steps.length === 0;
  }

  async read(from: number, etag: string | undefined): ReturnType<StoredLog['read']> {
    if (this.#failing) {
      this.#failing = false;
      throw new Error('the results server is away');
    }
    const file = this.file;
    const tag = `${this.#attempt}-${file.length}-${this.#compressed}`;
    if (file.length === 0) return 'none';
    if (tag === etag) return 'unchanged';
    if (!this.#compressed && from >= file.length) return 'beyond';
    const start = this.#compressed ? 0 : from;
    const next = (): void => this.#next();
    async function* body(): AsyncGenerator<Buffer> {
      for (let at = start; at < file.length; at += 700) {
        next();
        yield file.subarray(at, at + 700);
      }
    }
    return { start, etag: tag, body: body() };
  }

  take(): Chunk | undefined {
    return this.#chunks.shift();
  }

  async wait(ms: number): Promise<void> {
    this.#time += ms;
    this.#next();
  }

  close(): void {}

  /** The world goes on while the reader waits or reads. */
  #next(): void {
    const step = this.#steps.shift();
    switch (step?.kind) {
      case 'append':
        this.#append(step.bytes, true);
        break;
      case 'lose':
        this.#append(step.bytes, false);
        break;
      case 'repeat': {
        const offset = Math.max(0, this.file.length - step.bytes);
        if (this.live) this.#chunks.push({ task: this.#task(), offset, data: this.file.subarray(offset) });
        break;
      }
      case 'forget':
        this.#chunks.splice(0);
        break;
      case 'fail':
        this.#failing = true;
        break;
      case 'live':
        this.live = step.live;
        break;
      case 'compress':
        this.#compressed = true;
        break;
      case 'restart':
        this.#attempt++;
        this.file = Buffer.alloc(0);
        this.#compressed = false;
        if (step.bytes > 0) this.#append(step.bytes, true);
        break;
    }
  }

  #append(bytes: number, streamed: boolean): void {
    let text = '';
    while (text.length < bytes) text += `${this.#attempt}:${this.#words++} `;
    const data = Buffer.from(text.slice(0, bytes));
    const offset = this.file.length;
    this.file = Buffer.concat([this.file, data]);
    if (streamed && this.live) this.#chunks.push({ task: this.#task(), offset, data });
  }

  #task(): string {
    return `task.${this.#attempt}`;
  }
}

/** All that a reader got since the last restart. */
async function readAll(world: World): Promise<{ text: string; restarts: number }> {
  const parts: Buffer[] = [];
  let restarts = 0;
  const signal = new AbortController().signal;
  const log = pino({ level: 'silent' });
  const over = (): boolean => world.over();
  for await (const piece of follow({ stored: world, chunks: world, over, clock: world.clock, log, signal })) {
    if (piece === RESTART) {
      parts.splice(0);
      restarts++;
    } else {
      parts.push(piece);
    }
  }
  return { text: Buffer.concat(parts).toString('latin1'), restarts };
}

describe('a log that is followed', () => {
  it('comes whole and once, whatever is lost, repeated, cut, compressed or away meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(...calm), { maxLength: 60 }), async (steps) => {
        const world = new World(steps);
        const { text, restarts } = await readAll(world);
        expect(text).toBe(world.file.toString('latin1'));
        expect(restarts).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('is the last one, whole and once, when attempts write it anew', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(...calm, restart), { maxLength: 60 }), async (steps) => {
        // What an attempt has written is asked for after its end only if it wrote something.
        const world = new World([...steps, { kind: 'append', bytes: 2000 }, { kind: 'look' }]);
        const { text } = await readAll(world);
        expect(text).toBe(world.file.toString('latin1'));
      }),
      { numRuns: 1000 },
    );
  });

  it('ends empty when there is none', async () => {
    expect(await readAll(new World([{ kind: 'look' }]))).toEqual({ text: '', restarts: 0 });
  });

  it('is given up when it cannot be read for long', async () => {
    const stored = {
      read: async () => {
        throw new Error('away');
      },
    };
    const world = new World([]);
    const { clock } = world;
    const options = { stored, chunks: world, over: () => true, clock, log: pino({ level: 'silent' }) };
    const iterator = follow({ ...options, signal: new AbortController().signal });
    await expect(iterator.next()).rejects.toThrow('away');
    expect(clock.monotonic()).toBeGreaterThan(50_000);
  });

  it('ends at once when its reader is gone', async () => {
    const world = new World([]);
    const abort = new AbortController();
    const wait = (ms: number, signal: AbortSignal): Promise<void> => systemClock.sleep(ms, signal);
    const chunks = { live: true, take: () => undefined, wait, close: () => {} };
    const options = { stored: world, chunks, over: () => false, clock: systemClock, log: pino({ level: 'silent' }) };
    const next = follow({ ...options, signal: abort.signal }).next();
    abort.abort(new Error('gone'));
    await expect(next).rejects.toThrow('gone');
  });
});
