import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { mintUploadToken } from '../../../lib/protocol/token.ts';
import { TestClient } from '../testing/client.ts';
import { createWorld, type Publisher, startPublisher, type World } from '../testing/processes.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

let world: World;
let publisher: Publisher;
let client: TestClient;
let uploadKey: Buffer;

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-uploads-')));
  uploadKey = randomBytes(32);
  await writeFile(join(world.directory, 'upload.key'), uploadKey);
});
afterAll(async () => {
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});
beforeEach(() => begin());
afterEach(async () => {
  await publisher.end('SIGKILL');
  await rm(join(world.data, 'uploads'), { recursive: true, force: true });
});

async function begin(overrides: Record<string, string> = {}, withKey = true): Promise<void> {
  const key = withKey ? { KOPR_UPLOAD_KEY_FILE: join(world.directory, 'upload.key') } : {};
  publisher = await startPublisher(world, { ...key, ...overrides });
  client = new TestClient(world.tokenKey, publisher.ports.http);
}

const names = (...parts: string[]): Promise<string[]> => readdir(join(world.data, ...parts));
const token = (): Promise<string> => mintUploadToken(new Uint8Array(uploadKey), 'alice', systemClock);

/** Without a length the body is sent in chunks. */
async function send(
  name: string,
  body: Buffer | Readable,
  length?: number,
  bearer?: string,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await request(`http://127.0.0.1:${client.port}/v1/uploads?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${bearer ?? (await token())}`,
      ...(length === undefined ? {} : { 'content-length': String(length) }),
    },
    body,
  });
  return { status: answer.statusCode, json: (await answer.body.json()) as Record<string, unknown> };
}

function zeros(bytes: number): Readable {
  const piece = Buffer.alloc(MIB);
  return Readable.from(
    (function* () {
      for (let left = bytes; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
    })(),
  );
}

/** Bytes of memory that the publisher holds. */
async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${publisher.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

describe('an upload', () => {
  it('is stored whole under its id, listed, and deleted as often as one likes', async () => {
    const content = randomBytes(300_000);
    const { status, json } = await send('hello-1-1.src.rpm', content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect([status, json]).toEqual([
      200,
      { id: expect.stringMatching(/^[0-9a-f]{32}$/), name: 'hello-1-1.src.rpm', size: 300_000, sha256 },
    ]);
    const id = String(json.id);
    expect((await readFile(join(world.data, 'uploads', id, 'hello-1-1.src.rpm'))).equals(content)).toBe(true);
    const { body } = await client.control('GET', '/v1/uploads');
    expect(body).toEqual({ uploads: [{ ...json, createdAt: expect.stringMatching(/^20.*Z$/) }] });
    for (let times = 0; times < 2; times++) {
      expect(await client.control('DELETE', `/v1/uploads/${id}`)).toMatchObject({ status: 204 });
    }
    expect([await names('uploads'), await names('work'), await names('trash')]).toEqual([[], [], []]);
    expect((await client.control('DELETE', '/v1/uploads/..%2fresults')).status).toBe(400);
  });

  it.each([
    '../x.spec',
    'a/b.spec',
    '.hidden.spec',
    '-x.spec',
    'hello.rpm',
    'hello.SPEC',
    'a b.spec',
    'ä.spec',
    `${'x'.repeat(250)}.spec`,
    '',
  ])('is not called "%s"', async (name) => {
    expect(await send(name, Buffer.from('x'))).toMatchObject({
      status: 400,
      json: { error: { code: 'InvalidName', message: expect.stringContaining('.src.rpm') } },
    });
    expect(await names('uploads')).toEqual([]);
  });

  it.each([
    ['announced', 1001],
    ['not announced', undefined],
  ])('that is too large, which is %s, is refused and leaves nothing', async (_how, length) => {
    await publisher.end('SIGKILL');
    await begin({ KOPR_MAX_UPLOAD_BYTES: '1000' });
    expect(await send('a.spec', zeros(1001), length)).toMatchObject({
      status: 413,
      json: { error: { message: 'the file a.spec is larger than 1000 bytes' } },
    });
    expect(await send('a.spec', zeros(1000), 1000)).toMatchObject({ status: 200 });
    expect([(await names('uploads')).length, await names('work')]).toEqual([1, []]);
  });

  it('is refused while there is no room', async () => {
    await publisher.end('SIGKILL');
    await begin({ KOPR_MIN_FREE_BYTES: String(2 ** 52) });
    expect(await send('a.spec', Buffer.from('x'))).toMatchObject({
      status: 507,
      json: { error: { code: 'DiskFull' } },
    });
  });

  it('needs a token of its own kind', async () => {
    const task = await client.newTask('demo/hello/pebble-13-x86_64/00000001-hello');
    expect(await send('a.spec', Buffer.from('x'), undefined, task.token)).toMatchObject({ status: 401 });
    expect((await client.send('GET', '/v1/uploads', await token())).status).toBe(401);
  });

  it('may be deleted by its user, and by nobody else with such a token', async () => {
    const { json } = await send('a.spec', Buffer.from('x'));
    const path = `/v1/uploads/${json.id}`;
    const stranger = await mintUploadToken(new Uint8Array(uploadKey), 'bob', systemClock);
    expect((await client.send('DELETE', path, stranger)).status).toBe(403);
    expect(await names('uploads')).toHaveLength(1);
    for (let times = 0; times < 2; times++) {
      expect((await client.send('DELETE', path, await token())).status).toBe(204);
    }
    expect(await names('uploads')).toEqual([]);
    expect((await client.send('DELETE', path, 'x.y.z')).status).toBe(401);
  });

  it('is not known to a publisher without the key', async () => {
    await publisher.end('SIGKILL');
    await begin({}, false);
    expect(await client.control('GET', '/v1/uploads')).toMatchObject({ status: 200, body: { uploads: [] } });
    expect(await send('a.spec', Buffer.from('x'))).toMatchObject({ status: 404 });
  });

  it('leaves nothing when its sender breaks off', async () => {
    const abort = new AbortController();
    const body = Readable.from(endless());
    const attempt = request(`http://127.0.0.1:${client.port}/v1/uploads?name=a.spec`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await token()}` },
      body,
      signal: abort.signal,
    });
    await expect.poll(() => names('work')).toHaveLength(1);
    abort.abort();
    await expect(attempt).rejects.toThrow();
    await expect.poll(() => names('work')).toEqual([]);
    expect(await names('uploads')).toEqual([]);
  });

  it('leaves nothing after the death of the publisher in the middle', async () => {
    const attempt = send('a.spec', Readable.from(endless())).catch(() => 'broken');
    await expect.poll(() => names('work')).toHaveLength(1);
    await publisher.end('SIGKILL');
    expect(await attempt).toBe('broken');
    await begin();
    expect([await names('uploads'), await names('work')]).toEqual([[], []]);
    expect((await client.control('GET', '/v1/uploads')).body).toEqual({ uploads: [] });
  });

  it('of 1 GiB goes through with flat memory', async () => {
    await send('warm-up.spec', zeros(64 * MIB));
    const before = await residentBytes();
    let peak = before;
    let done = false;
    const watch = (async () => {
      while (!done) {
        peak = Math.max(peak, await residentBytes());
        await sleep(20);
      }
    })();
    const { status, json } = await send('big.src.rpm', zeros(GIB));
    done = true;
    await watch;
    expect([status, json.size]).toEqual([200, GIB]);
    expect((await stat(join(world.data, 'uploads', String(json.id), 'big.src.rpm'))).size).toBe(GIB);
    expect(peak - before).toBeLessThan(64 * MIB);
  }, 60_000);
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) {
    yield Buffer.alloc(1000);
    await sleep(20);
  }
}
