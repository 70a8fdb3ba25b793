import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { basic, type Rig, startRig } from './testing/rig.ts';
import { type Kept, testRoutes } from './testing/routes.ts';

const kept: Kept = { discarded: [], received: [], reads: 0, aborted: [] };
const authorization = basic('alice', 'a');
let rig: Rig;

beforeAll(async () => {
  rig = await startRig(testRoutes(kept), {
    tokens: {
      byLogin: () =>
        Promise.resolve({
          tokenID: 1,
          hash: createHash('sha256').update('a').digest(),
          expiresAt: Number.MAX_SAFE_INTEGER,
          revokedAt: null,
          user: { id: 1, name: 'alice', isAdmin: false },
          groups: [],
        }),
    },
  });
});
afterAll(() => rig.stop());
beforeEach(() => {
  kept.received.length = 0;
  kept.discarded.length = 0;
});

function filePart(content: string, filename = 'hello.src.rpm', name = 'pkgs'): string {
  return `--B\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: application/x-rpm\r\n\r\n${content}\r\n`;
}
function jsonPart(value: unknown): string {
  return `--B\r\nContent-Disposition: form-data; name="json"; filename="json"\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(value)}\r\n`;
}
function fieldPart(name: string, value: string): string {
  return `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}
const END = '--B--\r\n';

async function send(body: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${rig.url}/api_3/upload`, {
    method: 'POST',
    body,
    headers: { authorization, 'content-type': 'multipart/form-data; boundary=B' },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const sha256 = createHash('sha256').update('content').digest('hex');

test.each([
  ['the file first, as clients send it', filePart('content') + jsonPart({ projectname: 'p', chroots: ['f'] }) + END],
  ['the parameters first', jsonPart({ projectname: 'p', chroots: ['f'] }) + filePart('content') + END],
  ['form fields', fieldPart('projectname', 'p') + filePart('content') + fieldPart('chroots', 'f') + END],
])('%s', async (_order, body) => {
  expect(await send(body)).toEqual({
    status: 200,
    body: { file: { name: 'hello.src.rpm', size: 7, sha256 }, body: { projectname: 'p', chroots: ['f'] } },
  });
  expect(kept.discarded).toEqual([]);
});

test.each([
  ['../../etc/passwd', 'passwd'],
  ['C:\\\\dir\\\\x.spec', 'x.spec'],
  ['/', ''],
])('the file name %s is cut to its last part', async (given, name) => {
  const answer = await send(filePart('content', given) + jsonPart({ projectname: 'p' }) + END);
  expect(answer.body).toMatchObject({ file: { name } });
});

test.each([
  ['the handler refuses', filePart('content') + jsonPart({ projectname: 'taken' }) + END, 409],
  ['the form is wrong', filePart('content') + jsonPart({}) + END, 400],
  ['the parameters are no JSON', `${filePart('content') + jsonPart({}).replace('{}', '{') + END}`, 400],
  ['a second file follows', filePart('content') + filePart('more') + jsonPart({ projectname: 'p' }) + END, 400],
  ['the parameters are too large', filePart('content') + jsonPart({ x: 'x'.repeat(2_000_000) }) + END, 413],
])('what was received is discarded when %s', async (_why, body, status) => {
  const answer = await send(body);
  expect(answer.status).toBe(status);
  expect(answer.body).toHaveProperty('error');
  expect(kept.discarded).toEqual(kept.received);
});

test.each([
  ['no file at all', jsonPart({ projectname: 'p' }) + END, 'pkgs: This field is required.'],
  ['a file under another name', filePart('x', 'f', 'other') + END, 'other: a file is only taken as part "pkgs".'],
  ['a body that breaks off', filePart('content'), 'The body is not a whole multipart/form-data body.'],
])('%s is refused in a sentence', async (_what, body, error) => {
  expect(await send(body)).toEqual({ status: 400, body: { error } });
  expect(kept.discarded).toEqual(kept.received);
});

test('a receiver that refuses at once is heard, though the client still sends', async () => {
  const answer = await send(filePart('x'.repeat(5_000_000), 'huge.src.rpm') + jsonPart({ projectname: 'p' }) + END);
  expect(answer).toEqual({ status: 413, body: { error: 'huge.src.rpm is too large.' } });
});

test('a file that begins after the parameters were wrong, and never ends, holds up nothing', async () => {
  const answer = await send(`${fieldPart('json', '')}${filePart('')}`);
  expect(answer).toEqual({ status: 400, body: { error: 'The body is not JSON; send one JSON object.' } });
  expect(kept.received).toEqual([]);
});

test('JSON alone is told how to send the file', async () => {
  const response = await fetch(`${rig.url}/api_3/upload`, {
    method: 'POST',
    body: '{}',
    headers: { authorization, 'content-type': 'application/json' },
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({ error: 'Send the file as part "pkgs" of a multipart/form-data body.' });
});

test('without credentials nothing is read of the file', async () => {
  const response = await fetch(`${rig.url}/api_3/upload`, {
    method: 'POST',
    body: filePart('content') + END,
    headers: { 'content-type': 'multipart/form-data; boundary=B' },
  });
  expect(response.status).toBe(401);
  expect(kept.received).toEqual([]);
});

test.each([10, 100_000, 3_000_000])(
  'a client that still sends %i bytes hears that its token is wrong',
  async (bytes) => {
    const form = new FormData();
    form.append('pkgs', new Blob(['x'.repeat(bytes)]), 'hello.src.rpm');
    form.append('json', new Blob(['{"projectname":"p"}']), 'json');
    const headers = { authorization: basic('alice', 'wrong') };
    const response = await fetch(`${rig.url}/api_3/upload`, { method: 'POST', body: form, headers });
    expect([response.status, await response.json()]).toEqual([401, expect.objectContaining({ output: 'notok' })]);
    await expect.poll(() => rig.inFlight.size).toBe(0);
  },
);

test('a client that breaks off leaves nothing behind', async () => {
  await new Promise<void>((resolve) => {
    const outgoing = request(`${rig.url}/api_3/upload`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'multipart/form-data; boundary=B', 'content-length': 1_000_000 },
    });
    outgoing.on('error', () => resolve());
    outgoing.write(filePart('x'.repeat(200_000)).slice(0, -10), () => setTimeout(() => outgoing.destroy(), 50));
  });
  await expect.poll(() => rig.inFlight.size).toBe(0);
  expect(kept.discarded).toEqual(kept.received);
});

test('a large file goes through with flat memory', async () => {
  const chunk = randomBytes(1024 * 1024);
  const count = 300;
  const hash = createHash('sha256');
  for (let index = 0; index < count; index++) hash.update(chunk);
  const before = process.memoryUsage.rss();
  let peak = before;
  const body = Readable.from(
    (function* () {
      yield filePart('').slice(0, -2);
      for (let index = 0; index < count; index++) {
        peak = Math.max(peak, process.memoryUsage.rss());
        yield chunk;
      }
      yield `\r\n${jsonPart({ projectname: 'p' })}${END}`;
    })(),
  );
  const response = await fetch(`${rig.url}/api_3/upload`, {
    method: 'POST',
    body: Readable.toWeb(body),
    duplex: 'half',
    headers: { authorization, 'content-type': 'multipart/form-data; boundary=B' },
  } as RequestInit);
  expect(await response.json()).toMatchObject({ file: { size: count * chunk.length, sha256: hash.digest('hex') } });
  expect(peak - before).toBeLessThan(200 * 1024 * 1024);
});
