import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failed, type TestClient } from '../testing/client.ts';
import { createIngest, type Ingest } from '../testing/ingest.ts';

let ingest: Ingest;
let client: TestClient;

beforeAll(async () => {
  ingest = await createIngest();
  ({ client } = ingest);
});

afterAll(() => ingest.end());

describe('a live log', () => {
  it('is in the results directory as soon as a piece is accepted', async () => {
    const task = await ingest.freshTask();
    expect(await client.log(task, 0, 'one\n')).toEqual({ status: 200, body: { size: 4 } });
    expect(await ingest.logOf(task)).toBe('one\n');
    expect(await client.log(task, 4, 'two\n')).toEqual({ status: 200, body: { size: 8 } });
    expect(await ingest.logOf(task)).toBe('one\ntwo\n');
  });

  it('has no piece twice when a piece is sent again', async () => {
    const task = await ingest.freshTask();
    await client.log(task, 0, 'one\ntwo\n');
    expect((await client.log(task, 0, 'one\ntwo\n')).body).toEqual({ size: 8 });
    expect((await client.log(task, 4, 'two\nthree\n')).body).toEqual({ size: 14 });
    expect(await ingest.logOf(task)).toBe('one\ntwo\nthree\n');
  });

  it('has no gap: a piece beyond its end is refused with its size', async () => {
    const task = await ingest.freshTask();
    await client.log(task, 0, 'one\n');
    expect(await client.log(task, 9, 'x')).toMatchObject({
      status: 409,
      body: { size: 4, error: { code: 'WrongOffset' } },
    });
    expect(await ingest.logOf(task)).toBe('one\n');
  });

  it('gets every byte in order when pieces are sent at the same time', async () => {
    const task = await ingest.freshTask();
    const text = randomBytes(300).toString('hex');
    await Promise.all(
      [0, 100, 200, 300, 400, 500].map(async (offset) => {
        for (;;) if ((await client.log(task, offset, text.slice(offset, offset + 150))).status === 200) return;
      }),
    );
    expect(await ingest.logOf(task)).toBe(text);
  });

  it('is cut at its cap with a note, and says so by a size that stays', async () => {
    const task = await ingest.freshTask();
    expect((await client.log(task, 0, 'a'.repeat(900))).body).toEqual({ size: 900 });
    expect((await client.log(task, 900, 'b'.repeat(900))).body).toEqual({ size: 1000 });
    const text = await ingest.logOf(task);
    expect(text.slice(0, 1001)).toBe(`${'a'.repeat(900)}${'b'.repeat(100)}\n`);
    expect(text.slice(1000)).toBe('\n--- this log is longer than 1000 bytes; the rest was not kept ---\n');
    expect((await client.log(task, 1000, 'c')).body).toEqual({ size: 1000 });
    expect(await ingest.logOf(task)).toBe(text);
  });

  it.each(['..%2fescape.log', 'noextension', '.hidden.log', 'a%00.log', 'results.json'])(
    'is not called %s',
    async (name) => {
      const task = await ingest.freshTask();
      expect(await client.log(task, 0, 'x', name)).toMatchObject({ status: 400 });
    },
  );

  it('is closed with its task', async () => {
    const task = await ingest.freshTask();
    await client.upload(task, [], failed);
    const size = (await ingest.logOf(task)).length;
    expect(await client.log(task, size, 'more')).toMatchObject({
      status: 409,
      body: { size, error: { code: 'TaskComplete' } },
    });
  });
});
