import { pino } from 'pino';
import { Counter, Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { connectRedis, type Redis } from '../../../lib/redis/client.ts';
import { type RedisServer, startRedis } from '../../../lib/redis/testing/server.ts';
import { LiveLogStream } from './live-log-stream.ts';

const KIB = 1024;
const path = 'demo/hello/pebble-13-x86_64/00000001-hello/builder-live.log';
const key = `kopr:log:${path}`;

let server: RedisServer;
let redis: Redis;
let pieces: Counter<'outcome'>;
let stream: LiveLogStream;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.kill());
beforeEach(async () => {
  redis = connectRedis({ url: server.url, clock: systemClock, log: pino({ level: 'silent' }), random: () => 0 });
  await expect.poll(() => redis.ready).toBe(true);
  await redis.command(['FLUSHALL'], 1_000);
  pieces = new Counter({ name: 'pieces', help: 'x', labelNames: ['outcome'], registers: [new Registry()] });
  stream = new LiveLogStream({ redis, pieces, maxBytes: 1024 * KIB });
});
afterEach(() => redis.close());

async function count(outcome: string): Promise<number> {
  return (await pieces.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
}

async function entries(): Promise<string[][]> {
  const reply = (await redis.command(['XRANGE', key, '-', '+'], 1_000)) as [Buffer, Buffer[]][];
  return reply.map(([, fields]) => fields.map(String));
}

describe('the stream of a log', () => {
  it('has every piece with its offset and task, and is forgotten after an hour', async () => {
    stream.offer(path, 'task.1', 0, Buffer.from('one\n'));
    stream.offer(path, 'task.1', 4, Buffer.from('two\n'));
    await stream.idle();
    expect(await entries()).toEqual([
      ['o', '0', 't', 'task.1', 'd', 'one\n'],
      ['o', '4', 't', 'task.1', 'd', 'two\n'],
    ]);
    expect(await redis.command(['TTL', key], 1_000)).toBeGreaterThan(3_500);
    expect(await count('streamed')).toBe(2);
  });

  it('has long pieces in parts', async () => {
    stream.offer(path, 'task.1', 7, Buffer.alloc(150 * KIB, 'x'));
    await stream.idle();
    const parts = (await entries()).map(([, offset, , , , data]) => [Number(offset), data?.length]);
    expect(parts).toEqual([
      [7, 64 * KIB],
      [7 + 64 * KIB, 64 * KIB],
      [7 + 128 * KIB, 22 * KIB],
    ]);
  });

  it('is cut at its beginning when it is long', async () => {
    for (let n = 0; n < 3000; n++) stream.offer(path, 'task.1', n, Buffer.from('x'));
    await stream.idle();
    expect(await count('streamed')).toBe(3000);
    const all = await entries();
    expect(all.length).toBeGreaterThanOrEqual(2000);
    expect(all.length).toBeLessThan(2200);
    expect(all.at(-1)?.[1]).toBe('2999');
  });

  it('drops what Redis does not take in time, and never makes anybody wait', async () => {
    server.freeze();
    const before = systemClock.monotonic();
    for (let n = 0; n < 100; n++) stream.offer(path, 'task.1', n * 64 * KIB, Buffer.alloc(64 * KIB));
    expect(systemClock.monotonic() - before).toBeLessThan(500);
    expect(await count('dropped')).toBeGreaterThanOrEqual(100 - 16 - 1);
    server.thaw();
    await stream.idle();
    expect(await count('streamed')).toBeGreaterThan(0);
  });

  it('goes on by itself when Redis is back', async () => {
    await server.kill();
    await expect.poll(() => redis.ready).toBe(false);
    stream.offer(path, 'task.1', 0, Buffer.from('lost'));
    await stream.idle();
    expect(await count('dropped')).toBe(1);
    await server.start();
    await expect.poll(() => redis.ready, { timeout: 10_000 }).toBe(true);
    stream.offer(path, 'task.1', 4, Buffer.from('kept'));
    await stream.idle();
    expect(await entries()).toEqual([['o', '4', 't', 'task.1', 'd', 'kept']]);
  });
});
