import { describe, expect, test } from 'vitest';
import { alice, ask, json, rig, useTransport } from './testing/transport.ts';

useTransport();

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
    const response = await fetch(`${rig().url}/api_3/thing/7`, { method: 'HEAD' });
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
      const response = await fetch(`${rig().url}${path}?arch=x86_64`);
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

function formPart(pair: string): string {
  const [name, value] = pair.split('=');
  return `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}
