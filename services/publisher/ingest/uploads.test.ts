import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestOf, sha256Of, succeeded, type TestClient } from '../testing/client.ts';
import { createIngest, type Ingest } from '../testing/ingest.ts';

let ingest: Ingest;
let client: TestClient;

beforeAll(async () => {
  ingest = await createIngest();
  ({ client } = ingest);
});

afterAll(() => ingest.end());

describe('a file', () => {
  it('may be sent again, and under another name', async () => {
    const task = await ingest.freshTask();
    const content = randomBytes(2000);
    for (const name of ['a.rpm', 'a.rpm', 'b.rpm']) {
      expect(await client.file(task, name, content)).toEqual({ status: 200, body: { size: 2000 } });
    }
  });

  it('is not taken when its content is not the announced one', async () => {
    const task = await ingest.freshTask();
    const answer = await client.file(task, 'a.spec', Buffer.from('one'), sha256Of(Buffer.from('two')));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'WrongChecksum' } } });
    const manifest = manifestOf([{ name: 'a.spec', content: Buffer.from('two') }], succeeded);
    expect(await client.complete(task, manifest)).toMatchObject({
      status: 422,
      body: { error: { code: 'MissingFile' } },
    });
  });

  it('is not taken when it is too large, alone or with the others', async () => {
    const task = await ingest.freshTask();
    expect(await client.file(task, 'a', randomBytes(100_001))).toMatchObject({ status: 413 });
    expect(await client.file(task, 'b', randomBytes(90_000))).toMatchObject({ status: 200 });
    expect(await client.file(task, 'c', randomBytes(90_000))).toMatchObject({
      status: 413,
      body: { error: { code: 'TooLarge' } },
    });
    expect(await client.file(task, 'd', randomBytes(50_000))).toMatchObject({ status: 200 });
  });

  it.each(['..%2f..%2fetc', '.hidden', '-rf', 'a b', 'ä', 'x'.repeat(256)])('is not called %s', async (name) => {
    const task = await ingest.freshTask();
    const path = `/v1/tasks/${task.task}/files/${encodeURI(name)}`;
    const content = Buffer.from('x');
    const answer = await client.send('PUT', path, task.token, content, { 'x-kopr-sha256': sha256Of(content) });
    expect(answer).toMatchObject({ status: 400 });
  });

  it('needs its SHA-256', async () => {
    const task = await ingest.freshTask();
    expect(await client.file(task, 'a', Buffer.from('x'), 'none')).toMatchObject({ status: 400 });
  });

  it('leaves nothing behind when its upload is cut', async () => {
    const task = await ingest.freshTask();
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
    await expect.poll(() => readdir(join(ingest.world.data, 'staging', task.task, 'blobs'))).toEqual([]);
  });
});
