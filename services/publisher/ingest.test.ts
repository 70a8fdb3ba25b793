import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { mintControlToken, mintTaskToken } from '../../lib/protocol/token.ts';
import { expectStatus, failed, manifestOf, sha256Of, succeeded, TestClient, type TestTask } from './testing/client.ts';
import { createWorld, type RunningProcess, startPublisher, type World } from './testing/processes.ts';

let world: World;
let publisher: RunningProcess;
let client: TestClient;
let build = 0;

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-ingest-')));
  publisher = await startPublisher(world, {
    KOPR_MAX_LOG_BYTES: '1000',
    KOPR_MAX_FILE_BYTES: '100000',
    KOPR_MAX_TASK_BYTES: '150000',
  });
  client = new TestClient(world.tokenKey, publisher.ports.http ?? 0);
});

afterAll(async () => {
  await publisher.end('SIGKILL');
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});

/** A task in a directory of its own. */
function freshTask(): Promise<TestTask> {
  build++;
  return client.newTask(`demo/hello/pebble-13-x86_64/${String(build).padStart(8, '0')}-hello`);
}

function logOf(task: TestTask, name = 'builder-live.log'): Promise<string> {
  return readFile(join(world.data, 'results', task.owner, task.project, task.chroot, task.directory, name), 'utf8');
}

describe('a live log', () => {
  it('is in the results directory as soon as a piece is accepted', async () => {
    const task = await freshTask();
    expect(await client.log(task, 0, 'one\n')).toEqual({ status: 200, body: { size: 4 } });
    expect(await logOf(task)).toBe('one\n');
    expect(await client.log(task, 4, 'two\n')).toEqual({ status: 200, body: { size: 8 } });
    expect(await logOf(task)).toBe('one\ntwo\n');
  });

  it('has no piece twice when a piece is sent again', async () => {
    const task = await freshTask();
    await client.log(task, 0, 'one\ntwo\n');
    expect((await client.log(task, 0, 'one\ntwo\n')).body).toEqual({ size: 8 });
    expect((await client.log(task, 4, 'two\nthree\n')).body).toEqual({ size: 14 });
    expect(await logOf(task)).toBe('one\ntwo\nthree\n');
  });

  it('has no gap: a piece beyond its end is refused with its size', async () => {
    const task = await freshTask();
    await client.log(task, 0, 'one\n');
    expect(await client.log(task, 9, 'x')).toMatchObject({
      status: 409,
      body: { size: 4, error: { code: 'WrongOffset' } },
    });
    expect(await logOf(task)).toBe('one\n');
  });

  it('gets every byte in order when pieces are sent at the same time', async () => {
    const task = await freshTask();
    const text = randomBytes(300).toString('hex');
    await Promise.all(
      [0, 100, 200, 300, 400, 500].map(async (offset) => {
        for (;;) if ((await client.log(task, offset, text.slice(offset, offset + 150))).status === 200) return;
      }),
    );
    expect(await logOf(task)).toBe(text);
  });

  it('is cut at its cap with a note, and says so by a size that stays', async () => {
    const task = await freshTask();
    expect((await client.log(task, 0, 'a'.repeat(900))).body).toEqual({ size: 900 });
    expect((await client.log(task, 900, 'b'.repeat(900))).body).toEqual({ size: 1000 });
    const text = await logOf(task);
    expect(text.slice(0, 1001)).toBe(`${'a'.repeat(900)}${'b'.repeat(100)}\n`);
    expect(text.slice(1000)).toBe('\n--- this log is longer than 1000 bytes; the rest was not kept ---\n');
    expect((await client.log(task, 1000, 'c')).body).toEqual({ size: 1000 });
    expect(await logOf(task)).toBe(text);
  });

  it.each(['..%2fescape.log', 'noextension', '.hidden.log', 'a%00.log', 'results.json'])(
    'is not called %s',
    async (name) => {
      const task = await freshTask();
      expect(await client.log(task, 0, 'x', name)).toMatchObject({ status: 400 });
    },
  );

  it('is closed with its task', async () => {
    const task = await freshTask();
    await client.upload(task, [], failed);
    const size = (await logOf(task)).length;
    expect(await client.log(task, size, 'more')).toMatchObject({
      status: 409,
      body: { size, error: { code: 'TaskComplete' } },
    });
  });
});

describe('a file', () => {
  it('may be sent again, and under another name', async () => {
    const task = await freshTask();
    const content = randomBytes(2000);
    for (const name of ['a.rpm', 'a.rpm', 'b.rpm']) {
      expect(await client.file(task, name, content)).toEqual({ status: 200, body: { size: 2000 } });
    }
  });

  it('is not taken when its content is not the announced one', async () => {
    const task = await freshTask();
    const answer = await client.file(task, 'a.spec', Buffer.from('one'), sha256Of(Buffer.from('two')));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'WrongChecksum' } } });
    const manifest = manifestOf([{ name: 'a.spec', content: Buffer.from('two') }], succeeded);
    expect(await client.complete(task, manifest)).toMatchObject({
      status: 422,
      body: { error: { code: 'MissingFile' } },
    });
  });

  it('is not taken when it is too large, alone or with the others', async () => {
    const task = await freshTask();
    expect(await client.file(task, 'a', randomBytes(100_001))).toMatchObject({ status: 413 });
    expect(await client.file(task, 'b', randomBytes(90_000))).toMatchObject({ status: 200 });
    expect(await client.file(task, 'c', randomBytes(90_000))).toMatchObject({
      status: 413,
      body: { error: { code: 'TooLarge' } },
    });
    expect(await client.file(task, 'd', randomBytes(50_000))).toMatchObject({ status: 200 });
  });

  it.each(['..%2f..%2fetc', '.hidden', '-rf', 'a b', 'ä', 'x'.repeat(256)])('is not called %s', async (name) => {
    const task = await freshTask();
    const path = `/v1/tasks/${task.task}/files/${encodeURI(name)}`;
    const content = Buffer.from('x');
    const answer = await client.send('PUT', path, task.token, content, { 'x-kopr-sha256': sha256Of(content) });
    expect(answer).toMatchObject({ status: 400 });
  });

  it('needs its SHA-256', async () => {
    const task = await freshTask();
    expect(await client.file(task, 'a', Buffer.from('x'), 'none')).toMatchObject({ status: 400 });
  });

  it('leaves nothing behind when its upload is cut', async () => {
    const task = await freshTask();
    const abort = new AbortController();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(1000));
        setTimeout(() => abort.abort(), 200);
      },
    });
    const request = fetch(`http://127.0.0.1:${client.port}/v1/tasks/${task.task}/files/a`, {
      method: 'PUT',
      body,
      duplex: 'half',
      signal: abort.signal,
      headers: { authorization: `Bearer ${task.token}`, 'x-kopr-sha256': sha256Of(Buffer.alloc(1000)) },
    });
    await expect(request).rejects.toThrow();
    await expect
      .poll(async () => (await import('node:fs/promises')).readdir(join(world.data, 'staging', task.task, 'blobs')))
      .toEqual([]);
  });
});

describe('a task', () => {
  const files = [{ name: 'hello.spec', content: Buffer.from('Name: hello\n') }];

  it('is complete with its manifest, and immutable afterwards', async () => {
    const task = await freshTask();
    const state = (): Promise<unknown> => client.control('GET', `/v1/tasks/${task.task}`).then((answer) => answer.body);
    expect(await state()).toEqual({ state: 'none' });
    await client.log(task, 0, 'x');
    expect(await state()).toEqual({ state: 'receiving' });
    await client.file(task, 'hello.spec', files[0]?.content ?? Buffer.alloc(0));
    const manifest = manifestOf(files, succeeded);
    expect(await client.complete(task, manifest)).toMatchObject({ status: 200 });
    expect(await client.complete(task, manifest)).toMatchObject({ status: 200 });
    expect(await client.complete(task, manifestOf(files, failed))).toMatchObject({ status: 409 });
    expect(await client.file(task, 'more', Buffer.from('more'))).toMatchObject({ status: 409 });
    expect(await state()).toEqual({ state: 'complete', manifest });
  });

  it('refuses a manifest that names a file twice, or is none', async () => {
    const task = await freshTask();
    await client.file(task, 'a', Buffer.from('a'));
    const [file] = manifestOf([{ name: 'a', content: Buffer.from('a') }], succeeded).files;
    if (file === undefined) throw new Error('no file');
    expect(await client.complete(task, { verdict: succeeded, files: [file, file] })).toMatchObject({ status: 400 });
    expect(await client.send('POST', `/v1/tasks/${task.task}/complete`, task.token, '{')).toMatchObject({
      status: 400,
    });
    expect(await client.send('POST', `/v1/tasks/${task.task}/complete`, task.token, '{}')).toMatchObject({
      status: 400,
    });
  });

  it('that was forgotten cannot send any more', async () => {
    const task = await freshTask();
    await client.log(task, 0, 'x');
    expectStatus(await client.control('DELETE', `/v1/tasks/${task.task}`), 204);
    expectStatus(await client.control('DELETE', `/v1/tasks/${task.task}`), 204);
    expect(await client.log(task, 1, 'x')).toMatchObject({ status: 410 });
    expect(await client.complete(task, manifestOf([], failed))).toMatchObject({ status: 410 });
    expect((await client.control('GET', `/v1/tasks/${task.task}`)).body).toEqual({ state: 'none' });
    await expect(stat(join(world.data, 'staging', task.task))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes over from an earlier attempt, whose log is kept aside and who is refused from then on', async () => {
    build++;
    const dir = `demo/hello/pebble-13-x86_64/${String(build).padStart(8, '0')}-hello`;
    const uid = randomUUID();
    const first = await client.newTask(dir, `${uid}.1`);
    const second = await client.newTask(dir, `${uid}.2`);
    await client.log(first, 0, 'first attempt');
    expect(await client.log(second, 0, 'second')).toMatchObject({ status: 200, body: { size: 6 } });
    expect(await logOf(second)).toBe('second');
    expect(await logOf(second, `prev_build_backup/${first.task}/builder-live.log`)).toBe('first attempt');
    expect(await client.log(first, 13, 'zombie')).toMatchObject({
      status: 410,
      body: { error: { code: 'TaskSuperseded' } },
    });
    expect(await logOf(second)).toBe('second');
  });
});

describe('the API', () => {
  it('lets nobody in without the right token', async () => {
    const task = await freshTask();
    const other = await freshTask();
    const key = new Uint8Array(world.tokenKey);
    const control = await mintControlToken(key, 'operator', 'publisher', systemClock);
    const foreign = await mintTaskToken(
      new Uint8Array(randomBytes(32)),
      { task: task.task, dir: 'a/b/c-d/00000001' },
      60,
      systemClock,
    );
    const expired = await mintTaskToken(key, { task: task.task, dir: 'a/b/c-d/00000001' }, -120, systemClock);
    const path = `/v1/tasks/${task.task}`;
    const statuses: Record<string, number> = {};
    for (const [who, token] of Object.entries({
      nobody: '',
      control,
      foreign,
      expired,
      other: other.token,
      garbage: 'x.y.z',
    })) {
      statuses[who] = (await client.send('POST', `${path}/log/builder-live.log?offset=0`, token, 'x')).status;
    }
    expect(statuses).toEqual({ nobody: 401, control: 401, foreign: 401, expired: 401, other: 403, garbage: 401 });
    for (const [method, target] of [
      ['GET', path],
      ['DELETE', path],
      ['PUT', `/v1/publications/${task.task}`],
      ['PUT', '/v1/projects/demo/hello'],
      ['DELETE', '/v1/projects/demo/hello'],
    ] as const) {
      expect((await client.send(method, target, task.token, method === 'GET' ? undefined : '{}')).status).toBe(401);
    }
  });

  it.each([
    '../../etc/x-y/00000001',
    'demo/../x-y/00000001',
    'demo/hello/x-y/..',
    'demo/hello/x-y/00000001/more',
    'demo/hello/x-y',
    'demo/hello/repo/00000001',
    'demo/.hidden/x-y/00000001',
    'demo/hello/x-y/hello',
    '@/hello/x-y/00000001',
    'demo//x-y/00000001',
  ])('takes no token for the directory %s', async (dir) => {
    const task = await client.newTask(dir);
    expect(await client.log(task, 0, 'x')).toMatchObject({ status: 400, body: { error: { code: 'InvalidName' } } });
  });

  it('answers what it does not know with a sentence', async () => {
    expect(await client.send('GET', '/nowhere', '')).toMatchObject({
      status: 404,
      body: { error: { code: 'NotFound' } },
    });
    const task = await freshTask();
    expect(await client.send('POST', `/v1/tasks/${task.task}/log/a.log?offset=-1`, task.token, 'x')).toMatchObject({
      status: 400,
    });
    expect(
      await client.send('POST', `/v1/tasks/${task.task}/log/%E0%A4%A.log?offset=0`, task.token, 'x'),
    ).toMatchObject({ status: 400 });
    expect(await client.control('PUT', '/v1/projects/demo/a%2fb', {})).toMatchObject({ status: 400 });
  });

  it('says that the disk is full before it is', async () => {
    const strict = await startPublisher(world, {
      KOPR_MIN_FREE_BYTES: String(2 ** 52),
      KOPR_DATA_DIR: join(world.directory, 'full'),
    });
    const other = new TestClient(world.tokenKey, strict.ports.http ?? 0);
    const task = await other.newTask('demo/hello/pebble-13-x86_64/00000001-hello');
    expect(await other.file(task, 'a', Buffer.from('x'))).toMatchObject({
      status: 507,
      body: { error: { code: 'DiskFull' } },
    });
    expect(await strict.end('SIGTERM')).toBe(0);
  });
});
