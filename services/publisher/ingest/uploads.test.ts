import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestOf, sha256Of, succeeded, TestClient, type TestTask } from '../testing/client.ts';
import { createWorld, type Publisher, startPublisher, type World } from '../testing/processes.ts';

let world: World;
let publisher: Publisher;
let client: TestClient;
let build = 0;

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-ingest-')));
  publisher = await startPublisher(world, {
    KOPR_MAX_LOG_BYTES: '1000',
    KOPR_MAX_FILE_BYTES: '100000',
    KOPR_MAX_TASK_BYTES: '150000',
  });
  client = new TestClient(world.tokenKey, publisher.ports.http);
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
    await expect.poll(() => readdir(join(world.data, 'staging', task.task, 'blobs'))).toEqual([]);
  });
});
