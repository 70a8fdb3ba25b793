import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Agent } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogReader, type LogReader, type LogStage } from '../api/logs/reader.ts';
import { RedisLogs } from '../api/logs/redis-source.ts';
import { createResultsDispatcher } from '../api/logs/stored.ts';
import { systemClock } from '../lib/clock.ts';
import { connectRedis, type Redis } from '../lib/redis/client.ts';
import { type RedisServer, startRedis } from '../lib/redis/testing/server.ts';
import type { RunningProcess } from '../lib/testing/process.ts';
import { expectStatus, failed, manifestOf, TestClient, type TestTask } from '../services/publisher/testing/client.ts';
import {
  createWorld,
  type Publisher,
  startNginx,
  startPublisher,
  type World,
} from '../services/publisher/testing/processes.ts';

/** A log on its whole way: publisher, its web server and Redis as they run in a cluster, and the reader of the API. */

let world: World;
let publisher: Publisher;
let nginx: RunningProcess & { port: number };
let server: RedisServer;
let redis: Redis;
let dispatcher: Agent;
let reader: LogReader;
let client: TestClient;
let number = 0;

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-live-logs-')));
  nginx = await startNginx(world.directory, world.data);
  server = await startRedis();
  publisher = await startPublisher(world, { KOPR_REDIS_URL: server.url });
  client = new TestClient(world.tokenKey, publisher.ports.http);
  expectStatus(await client.setUp('demo', 'hello', ['pebble-13-x86_64']), 200);
});
afterAll(async () => {
  await publisher.end('SIGKILL');
  await nginx.end('SIGTERM');
  await server.kill();
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});
beforeEach(async () => {
  redis = connectRedis({ url: server.url, clock: systemClock, log: pino({ level: 'silent' }), random: Math.random });
  await expect.poll(() => redis.ready, { timeout: 10_000 }).toBe(true);
  dispatcher = createResultsDispatcher();
  reader = readerWith(new RedisLogs({ redis, clock: systemClock, log: pino({ level: 'silent' }) }));
});
afterEach(async () => {
  redis.close();
  await dispatcher.destroy();
});

function readerWith(logs: RedisLogs | undefined): LogReader {
  return createLogReader({
    stages: { find: async () => undefined },
    resultsURL: `http://127.0.0.1:${nginx.port}/results`,
    redis: logs,
    dispatcher,
    clock: systemClock,
    log: pino({ level: 'silent' }),
  });
}

/** A build that writes a log as it is told. */
class Stage implements LogStage {
  readonly task: TestTask;
  ended = false;
  content = Buffer.alloc(0);

  constructor(task: TestTask) {
    this.task = task;
  }

  static async begin(): Promise<Stage> {
    number++;
    return new Stage(await client.newTask(`demo/hello/pebble-13-x86_64/${String(number).padStart(8, '0')}-hello`));
  }

  path(): string {
    const { owner, project, chroot, directory } = this.task;
    return `${owner}/${project}/${chroot}/${directory}/builder-live.log`;
  }

  over(): boolean {
    return this.ended;
  }

  key(): string {
    return `kopr:log:${this.path()}`;
  }

  async write(text: string | Buffer): Promise<void> {
    const offset = this.content.length;
    const data = Buffer.from(text);
    this.content = Buffer.concat([this.content, data]);
    expectStatus(await client.log(this.task, offset, data), 200);
  }

  async end(): Promise<void> {
    expectStatus(await client.complete(this.task, manifestOf([], failed)), 200);
    await client.published(this.task);
    this.ended = true;
  }
}

interface Reading {
  events: { id: number; data: string; at: number }[];
  end: string | undefined;
}

/** Reads events as they come; `done` resolves with the end of the stream. */
function read(stage: Stage, from = 0, of = reader, signal = AbortSignal.timeout(60_000)) {
  const reading: Reading = { events: [], end: undefined };
  const done = (async () => {
    for await (const text of of.events(stage, from, signal)) {
      for (const frame of text.split('\n\n')) {
        if (frame.startsWith('event: end')) reading.end = frame.replace('event: end\ndata: ', '');
        const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(frame) ?? [];
        if (id !== undefined) reading.events.push({ id: Number(id), data: data ?? '', at: systemClock.monotonic() });
      }
    }
  })();
  done.catch(() => undefined);
  return { reading, done };
}

function expectWhole({ events, end }: Reading, stage: Stage): void {
  const lines = stage.content.toString().split('\n');
  if (lines.at(-1) === '') lines.pop();
  expect(events.map(({ id, data }) => [id, data])).toEqual(lines.map((line, index) => [index, line]));
  expect(end).toBe(String(lines.length));
}

describe('the log of a running build', () => {
  it('comes line by line within half a second, and ends with the build', async () => {
    const stage = await Stage.begin();
    await stage.write('before\n');
    const { reading, done } = read(stage);
    await expect.poll(() => reading.events.length, { timeout: 5_000 }).toBe(1);
    // The reader is on the stream from its first round on.
    await systemClock.sleep(500);
    const delays: number[] = [];
    for (let n = 0; n < 10; n++) {
      const at = systemClock.monotonic();
      await stage.write(`line ${n} ä€\n`);
      await expect.poll(() => reading.events.length, { timeout: 5_000, interval: 5 }).toBe(n + 2);
      delays.push((reading.events.at(-1)?.at ?? 0) - at);
    }
    expect(delays.sort((a, b) => a - b)[delays.length / 2]).toBeLessThan(600);
    await stage.end();
    await done;
    expectWhole(reading, stage);
    expect(reader.readers).toBe(0);
  });

  it('is whole and comes once to every reader while Redis dies, forgets and hangs', async () => {
    const stage = await Stage.begin();
    const readings = [read(stage)];
    let line = 0;
    for (let round = 0; round < 80; round++) {
      const lines = Array.from({ length: 1 + Math.floor(Math.random() * 30) }, () => {
        line++;
        return `line ${line} ${'€'.repeat(line % 7)}${line % 11 === 0 ? '' : '\n'}`;
      });
      const text = Buffer.from(lines.join(''));
      // Cut anywhere, also inside of characters.
      const cut = Math.floor(Math.random() * text.length);
      await stage.write(text.subarray(0, cut));
      await stage.write(text.subarray(cut));
      if (round % 10 === 3) await redis.command(['XTRIM', stage.key(), 'MAXLEN', '0'], 2_000).catch(() => undefined);
      if (round % 20 === 6) await server.kill();
      if (round % 20 === 12) await server.start();
      if (round === 45) server.freeze();
      if (round === 50) server.thaw();
      if (round % 16 === 8) readings.push(read(stage));
      await systemClock.sleep(Math.random() * 100);
    }
    await stage.write(Buffer.from('the last line has no end'));
    await stage.end();
    readings.push(read(stage));
    for (const { reading, done } of readings) {
      await done;
      expectWhole(reading, stage);
    }
  }, 60_000);

  it('comes without Redis, too, a second later', async () => {
    const stage = await Stage.begin();
    await stage.write('before\n');
    const { reading, done } = read(stage, 0, readerWith(undefined));
    await expect.poll(() => reading.events.length, { timeout: 5_000 }).toBe(1);
    await stage.write('after\n');
    await expect.poll(() => reading.events.length, { timeout: 3_000 }).toBe(2);
    await stage.end();
    await done;
    expectWhole(reading, stage);
  });

  it('goes on for a reader behind the last line it has seen, also after the end', async () => {
    const stage = await Stage.begin();
    await stage.write('0\n1\n2\n3\n');
    const running = read(stage, 2);
    await expect.poll(() => running.reading.events.length, { timeout: 5_000 }).toBe(2);
    await stage.write('4\n');
    await stage.end();
    await running.done;
    const finished = read(stage, 3);
    await finished.done;
    expect(running.reading.events.map(({ id, data }) => [id, data])).toEqual([
      [2, '2'],
      [3, '3'],
      [4, '4'],
    ]);
    expect(finished.reading.events.map(({ id }) => id)).toEqual([3, 4]);
    expect([running.reading.end, finished.reading.end]).toEqual(['5', '5']);
  });

  it('begins anew when another attempt writes it', async () => {
    const stage = await Stage.begin();
    await stage.write(`${'old line\n'.repeat(200)}`);
    const frames: string[] = [];
    const done = (async () => {
      for await (const text of reader.events(stage, 0, AbortSignal.timeout(30_000))) frames.push(text);
    })();
    await expect.poll(() => frames.join('')).toContain('id: 199');
    const { task, owner, project, chroot, directory } = stage.task;
    const next = new Stage(
      await client.newTask(`${owner}/${project}/${chroot}/${directory}`, task.replace(/\.1$/, '.2')),
    );
    await next.write('new line\n');
    await expect.poll(() => frames.join(''), { timeout: 10_000 }).toMatch(/event: restart.*id: 0\ndata: new line\n/s);
    await next.end();
    stage.ended = true;
    await done;
    expect(frames.at(-1)).toBe('event: end\ndata: 1\n\n');
  });

  it('is there as text, from any line on, running and compressed', async () => {
    const stage = await Stage.begin();
    await expect(reader.text(stage, 0, AbortSignal.timeout(5_000))).rejects.toMatchObject({ status: 404 });
    await stage.write('0\n1\n2\nrest');
    const text = async (from: number): Promise<string> => {
      const parts: Buffer[] = [];
      for await (const part of await reader.text(stage, from, AbortSignal.timeout(5_000)))
        parts.push(Buffer.from(part));
      return Buffer.concat(parts).toString();
    };
    const all = async (): Promise<string[]> => Promise.all([0, 2, 3, 4].map(text));
    expect(await all()).toEqual(['0\n1\n2\nrest', '2\nrest', 'rest', '']);
    await stage.end();
    expect(await all()).toEqual(['0\n1\n2\nrest', '2\nrest', 'rest', '']);
  });
});
