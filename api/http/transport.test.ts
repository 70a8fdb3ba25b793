import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { basic, type Rig, startRig } from './testing/rig.ts';
import { type Kept, testRoutes } from './testing/routes.ts';

const kept: Kept = { discarded: [], received: [], reads: 0, aborted: [] };
const holders: Record<string, { token: string; isAdmin?: boolean; expiresAt?: number; revokedAt?: number }> = {
  alice: { token: 'a' },
  bob: { token: 'b' },
  root: { token: 'r', isAdmin: true },
  late: { token: 'l', expiresAt: 1 },
  gone: { token: 'g', revokedAt: 1 },
};
const alice = { authorization: basic('alice', 'a') };
let rig: Rig;

beforeAll(async () => {
  rig = await startRig(testRoutes(kept), {
    tokens: {
      byLogin(login) {
        const holder = holders[login];
        return Promise.resolve(
          holder && {
            tokenID: 1,
            hash: createHash('sha256').update(holder.token).digest(),
            expiresAt: holder.expiresAt ?? Number.MAX_SAFE_INTEGER,
            revokedAt: holder.revokedAt ?? null,
            user: { id: 1, name: login, isAdmin: holder.isAdmin ?? false },
            groups: [],
          },
        );
      },
    },
  });
});
afterAll(() => rig.stop());

async function ask(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
  const response = await fetch(`${rig.url}${path}`, { redirect: 'manual', ...init });
  const text = await response.text();
  expect(response.headers.get('content-type')).toBe('application/json');
  const body = JSON.parse(text) as Record<string, unknown>;
  expect('error' in body).toBe(response.status !== 200);
  return { status: response.status, body, headers: response.headers };
}

function json(body: unknown, headers: Record<string, string> = alice): RequestInit {
  return { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
}

describe('addresses and methods', () => {
  test.each(['/api_3', '/api_3/', '/api_3?x=1', '/api_3/?x=1'])('%s is answered without a redirect', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 200, body: { version: 3 } });
  });

  test.each(['/api_3/thing/7', '/api_3/thing/7/'])('%s finds a variable', async (path) => {
    expect((await ask(path)).body).toEqual({ id: 7 });
  });

  test('a fixed word wins over a variable', async () => {
    expect((await ask('/api_3/thing/list/?ownername=a')).body.items).toEqual([1, 2, 3, 4, 5]);
  });

  test.each([
    '/api_3/nothing',
    '/',
    '/api_2/x',
    '/api_3//thing/7',
    '/api_3/thing/7//',
    '/api_3/thing/a%2Fb',
    '/api_3/thing/%ff',
    '/api_3/thing/%',
    '/api_3/thing/a%00',
  ])('%s is 404 in the one shape', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  test.each(['abc', '0', '-1', '1.5', '99999999999999999999', '1e3'])('thing %s does not exist', async (number) => {
    expect(await ask(`/api_3/thing/${number}`)).toMatchObject({
      status: 404,
      body: { error: `Thing ${number} does not exist.` },
    });
  });

  test('a wrong method is 405 and names the right ones', async () => {
    const answer = await ask('/api_3/thing/delete', { method: 'PUT' });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('DELETE, POST');
  });

  test('HEAD is answered without a body', async () => {
    const response = await fetch(`${rig.url}/api_3/thing/7`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test.each([
    ['PUT', '/api_3/thing/edit/alice/p', false],
    ['POST', '/api_3/thing/edit/alice/p', true],
    ['POST', '/api_3/thing/fork', false],
    ['PUT', '/api_3/thing/fork', true],
  ])('%s %s is deprecated: %s', async (method, path, deprecated) => {
    const answer = await ask(path, { method, headers: alice });
    expect(answer.status).toBe(200);
    expect(answer.headers.has('warning')).toBe(deprecated);
  });

  test('path variables repeated in the query are ignored', async () => {
    const answer = await ask('/api_3/thing/edit/alice/p?ownername=bob&projectname=missing', {
      ...json({ name: 'x' }),
      method: 'PUT',
    });
    expect(answer.body).toMatchObject({ params: { ownername: 'alice', projectname: 'p' }, extra: 7 });
  });

  test('several paths may lead to one route, and it may answer text', async () => {
    for (const path of [
      '/coprs/@g/p:x/repo/f-44/dnf.repo',
      '/coprs/g/@g/p:x/repo/f-44/',
      '/coprs/@g/p%3Ax/repo/f-44',
    ]) {
      const response = await fetch(`${rig.url}${path}?arch=x86_64`);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(await response.text()).toBe('[@g:p:x]\n');
    }
  });

  test('a failure may carry headers', async () => {
    const answer = await ask('/coprs/a/p/repo/none');
    expect([answer.status, answer.headers.get('copr-error-data')]).toEqual([404, 'e30=']);
  });
});

describe('bodies', () => {
  const put = (body: unknown): Promise<{ status: number; body: Record<string, unknown> }> =>
    ask('/api_3/thing/edit/alice/p', { ...json(body), method: 'PUT' });

  test('null is absent, lists of text are joined or kept, unknown keys are ignored', async () => {
    const answer = await put({
      name: ' x ',
      description: ' a\r\nb ',
      additional_repos: ['http://a', 'http://b'],
      chroots: ['f-1'],
      devel: 'false',
      days: '',
      progress_callback: null,
      other: { a: [1] },
    });
    expect(answer.body.body).toEqual({
      name: 'x',
      description: ' a\nb ',
      repos: ['http://a', 'http://b'],
      chroots: ['f-1'],
      devel: false,
      days: null,
    });
    expect((await put({ name: null, chroots: null })).body.body).toEqual({});
  });

  test.each([
    ['urlencoded', 'application/x-www-form-urlencoded', 'name=x&chroots=f-1&chroots=f-2&devel=on'],
    [
      'multipart fields',
      'multipart/form-data; boundary=B',
      `${['name=x', 'chroots=f-1', 'chroots=f-2', 'devel=on'].map(formPart).join('')}--B--\r\n`,
    ],
    [
      'multipart with a json file',
      'multipart/form-data; boundary=B',
      '--B\r\nContent-Disposition: form-data; name="json"; filename="json"\r\nContent-Type: application/json\r\n\r\n{"name":"x","chroots":["f-1","f-2"],"devel":true}\r\n--B--\r\n',
    ],
  ])('%s is as good as JSON', async (_kind, type, body) => {
    const answer = await ask('/api_3/thing/edit/alice/p', {
      method: 'PUT',
      body,
      headers: { ...alice, 'content-type': type },
    });
    expect(answer.body.body).toEqual({ name: 'x', chroots: ['f-1', 'f-2'], devel: true });
  });

  test('DELETE carries a body', async () => {
    expect((await ask('/api_3/thing/delete', { ...json({ builds: [1, 2] }), method: 'DELETE' })).body).toEqual({
      builds: ['1', '2'],
    });
  });

  test.each([
    ['{', 400],
    ['[]', 400],
    ['"x"', 400],
    ['7', 400],
    ['['.repeat(500_000), 400],
    ['\xff', 400],
  ])('a body that is no JSON object is refused (%#)', async (body, status) => {
    const answer = await ask('/api_3/thing/delete', {
      method: 'POST',
      body: Buffer.from(body, 'latin1'),
      headers: { ...alice, 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(status);
  });

  test('a value nested without end is refused like any other', async () => {
    const body = `{"name":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const answer = await ask('/api_3/thing/edit/alice/p', {
      method: 'PUT',
      body,
      headers: { ...alice, 'content-type': 'application/json' },
    });
    expect(answer).toMatchObject({ status: 400, body: { error: 'name: must be text' } });
  });

  test('an unknown type is 415, a multipart without a boundary 400', async () => {
    const send = (type: string): Promise<{ status: number }> =>
      ask('/api_3/thing/delete', { method: 'POST', body: 'x', headers: { ...alice, 'content-type': type } });
    expect((await send('image/png')).status).toBe(415);
    expect((await send('multipart/form-data')).status).toBe(400);
    expect((await send('multipart/form-data; boundary=B')).status).toBe(400);
  });

  test('10 MB of JSON are refused in a sentence, announced or not', async () => {
    const big = `{"name":"${'x'.repeat(10_000_000)}"}`;
    const announced = await ask('/api_3/thing/delete', {
      method: 'POST',
      body: big,
      headers: { ...alice, 'content-type': 'application/json' },
    });
    expect(announced.status).toBe(413);
    expect(announced.body.error).toMatch(/larger than 1 MiB/);
    const chunked = await ask('/api_3/thing/delete', {
      method: 'POST',
      body: new Blob([big]).stream(),
      duplex: 'half',
      headers: { ...alice, 'content-type': 'application/json' },
    } as RequestInit);
    expect(chunked.status).toBe(413);
  });
});

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
    await expect(fetch(`${rig.url}/api_3/slow?ms=280`, { signal: AbortSignal.timeout(50) })).rejects.toThrow();
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
    const response = await fetch(`${rig.url}/api_3/stream`, { signal: end.signal });
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
    await sleep(20);
    const metrics = await rig.registry.metrics();
    expect(metrics).toMatch(/kopr_api_requests_total\{operation="test.get",status="200"\} \d/);
    expect(metrics).toMatch(/kopr_api_requests_total\{operation="none",status="404"\} \d/);
    expect(metrics).toMatch(/kopr_api_requests_in_flight 0/);
  });
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(rig.url).port), '127.0.0.1', () => socket.write(text));
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

function formPart(pair: string): string {
  const [name, value] = pair.split('=');
  return `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}
