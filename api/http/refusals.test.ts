import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { basic, startRig } from './testing/rig.ts';
import { testRoutes } from './testing/routes.ts';
import { alice, ask, json, kept, rig, useTransport } from './testing/transport.ts';

useTransport();

describe('errors of forms and queries', () => {
  test('there is one line for each problem of a form', async () => {
    const answer = await ask('/api_3/thing/edit/alice/p', {
      ...json({ name: 'x'.repeat(11), days: 'soon', chroots: [{}] }),
      method: 'PUT',
    });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe(
      [
        'name: must not be longer than 10 characters',
        'chroots: must be a list of text',
        'days: must be a whole number from -1 to 720',
      ].join('\n'),
    );
  });

  test('builds have their own prefix', async () => {
    const answer = await ask('/api_3/build/create/url', json({ ownername: 'alice', projectname: 'p', timeout: -1 }));
    expect(answer).toMatchObject({
      status: 400,
      body: {
        error:
          "Bad request parameters: {'pkgs': ['This field is required.'], 'timeout': ['must be a whole number from 0 to 108000']}",
      },
    });
  });

  test.each([
    ['limit=-1', 'limit'],
    ['limit=99999999999999999999', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['offset=-5', 'offset'],
    ['offset=NaN', 'offset'],
    ['order=password', 'order'],
    ['order=id%3B--', 'order'],
    ['order_type=UP', 'order_type'],
  ])('paging by %s is 400', async (query, field) => {
    const answer = await ask(`/api_3/thing/list?ownername=a&${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatch(new RegExp(`^${field}: `));
  });

  test.each([
    ['', { limit: null, offset: 0, order: 'id', order_type: 'ASC' }, [1, 2, 3, 4, 5]],
    [
      '&limit=2&offset=1&order=name&order_type=desc',
      { limit: 2, offset: 1, order: 'name', order_type: 'DESC' },
      [2, 3],
    ],
    ['&offset=100', { limit: null, offset: 100, order: 'id', order_type: 'ASC' }, []],
  ])('paging by "%s" is echoed', async (query, meta, items) => {
    expect((await ask(`/api_3/thing/list?ownername=a${query}`)).body).toEqual({ items, meta });
  });

  test('a missing argument is named', async () => {
    expect((await ask('/api_3/thing/list')).body).toEqual({ error: 'Missing argument ownername' });
  });

  test('first comes the project, then the form, then the rights', async () => {
    const bob = { authorization: basic('bob', 'b') };
    const edit = (project: string, body: unknown): Promise<{ status: number }> =>
      ask(`/api_3/thing/edit/alice/${project}`, { ...json(body, bob), method: 'PUT' });
    expect((await edit('missing', { days: 'x' })).status).toBe(404);
    expect((await edit('p', { days: 'x' })).status).toBe(400);
    expect((await edit('p', {})).status).toBe(403);
    const build = await ask(
      '/api_3/build/create/url',
      json({ ownername: 'alice', projectname: 'p', pkgs: ['u'] }, bob),
    );
    expect(build.status).toBe(200);
  });

  test('what nobody foresaw is 500 without its text', async () => {
    const answer = await ask('/api_3/crash');
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toMatch(/secret/);
  });
});

describe('credentials', () => {
  test.each([
    ['none', undefined],
    ['a wrong token', basic('alice', 'b')],
    ['an unknown login', basic('nobody', 'a')],
    ['an expired token', basic('late', 'l')],
    ['a revoked token', basic('gone', 'g')],
    ['no colon', `Basic ${Buffer.from('alice').toString('base64')}`],
    ['no base64', 'Basic ???'],
    ['another scheme', 'Digest x'],
    ['an empty header', ''],
    ['a bearer nobody knows', 'Bearer abc'],
    ['NUL', basic('a\0', 'b')],
  ])('%s: 401 in the shape that clients know', async (_what, authorization) => {
    const answer = await ask('/api_3/auth-check', authorization === undefined ? {} : { headers: { authorization } });
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ output: 'notok', error: expect.stringContaining('http://copr.test/api') });
  });

  test('who holds a token is known', async () => {
    expect((await ask('/api_3/auth-check', { headers: alice })).body).toEqual({ name: 'alice' });
  });

  test('wrong credentials do no harm where anyone may ask', async () => {
    expect((await ask('/api_3/thing/7', { headers: { authorization: 'Basic ???' } })).status).toBe(200);
  });

  test('credentials come before the body', async () => {
    expect((await ask('/api_3/thing/delete', { method: 'POST', body: '{' })).status).toBe(401);
  });
});

describe('deadlines and ends', () => {
  test('a handler that takes too long is given up', async () => {
    expect((await ask('/api_3/slow?ms=1500')).status).toBe(503);
    expect(kept.aborted).toContain('DeadlineError');
  });

  test('a body that does not come is given up', async () => {
    const head =
      'POST /api_3/slow?ms=0 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{';
    expect(await raw(head)).toMatch(/^HTTP\/1.1 408 [\s\S]*"error":/);
  });

  test('a client that goes away ends the work', async () => {
    kept.aborted.length = 0;
    await expect(fetch(`${rig().url}/api_3/slow?ms=280`, { signal: AbortSignal.timeout(50) })).rejects.toThrow();
    await expect.poll(() => kept.aborted).toContain('ClientGone');
  });

  test.each([
    ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1.1 400 /],
    ['a head that is too long', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, /^HTTP\/1.1 431 /],
  ])('%s is told so in the same shape', async (_what, text, expected) => {
    const answer = await raw(text);
    expect(answer).toMatch(expected);
    expect(answer).toMatch(/\{"error":".*"\}$/);
  });

  test('a stream outlives the deadline of its route and ends with the client', async () => {
    kept.aborted.length = 0;
    const end = new AbortController();
    const response = await fetch(`${rig().url}/api_3/stream`, { signal: end.signal });
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.includes('data: 12\n')) break;
    }
    end.abort();
    await expect.poll(() => kept.aborted).toContain('stream');
  });

  test('a stop lets requests end and ends streams', async () => {
    const other = await startRig(testRoutes(kept));
    const slow = fetch(`${other.url}/api_3/slow?ms=200`);
    const stream = await fetch(`${other.url}/api_3/stream`);
    await sleep(50);
    const stopped = other.stop(5_000);
    expect((await slow).status).toBe(200);
    expect(await stream.text()).toMatch(/data: 0/);
    expect(await stopped).toBe(true);
    await expect(fetch(`${other.url}/api_3`)).rejects.toThrow();
  });

  test('requests are counted by operation and status', async () => {
    await ask('/api_3/thing/7');
    await ask('/api_3/no-such-route');
    await sleep(20);
    const metrics = await rig().registry.metrics();
    expect(metrics).toMatch(/kopr_api_requests_total\{operation="test.get",status="200"\} \d/);
    expect(metrics).toMatch(/kopr_api_requests_total\{operation="none",status="404"\} \d/);
    expect(metrics).toMatch(/kopr_api_requests_in_flight 0/);
  });
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(rig().url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (answer.includes('}')) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer within 5 s')));
  });
}
