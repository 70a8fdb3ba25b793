import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { listen } from '../../lib/listen.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import { createAdmission } from './auth.ts';
import { Fault } from './fault.ts';
import { createXmlRpcServer } from './http.ts';
import type { Method } from './methods.ts';
import { createMetrics } from './metrics.ts';
import { call, calls } from './testing/client.ts';

const PASSWORD = 'correct horse battery staple';
const registry = new Registry();
let directory = '';
let passwordFile = '';
let closed: Server;
let open: Server;
let waiting = false;
let ports = { closed: 0, open: 0 };

const methods = new Map<string, Method>([
  ['echo', async (parameters) => [...parameters]],
  ['refuse', async () => Promise.reject(new Fault('unavailable', 'not now'))],
  ['fail', async () => Promise.reject(new Error('a secret of the inside'))],
  [
    'wait',
    (_, gone) => {
      waiting = true;
      return new Promise((_resolve, reject) => gone.addEventListener('abort', () => reject(gone.reason)));
    },
  ],
]);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-resalloc-'));
  passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`);
  const metrics = createMetrics(registry, () => 0);
  const common = { methods, maxWaiters: 10, clock: systemClock, log: quietLog, metrics };
  closed = createXmlRpcServer({ ...common, admission: await createAdmission(passwordFile) });
  open = createXmlRpcServer({ ...common, admission: await createAdmission(undefined) });
  const host = '127.0.0.1';
  ports = { closed: await listen(closed, { port: 0, host }), open: await listen(open, { port: 0, host }) };
});

afterAll(async () => {
  for (const server of [closed, open]) {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
  rmSync(directory, { recursive: true, force: true });
});

const at = (credentials = '', port = ports.open, path = ''): string => `http://${credentials}127.0.0.1:${port}${path}`;

interface Sent {
  method?: string;
  path?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

async function send({
  method = 'POST',
  path = '/RPC2',
  body,
  headers = {},
}: Sent): Promise<{ status: number; text: string }> {
  const response = await fetch(at('', ports.open, path), {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'text/xml' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  return { status: response.status, text: await response.text() };
}

const echo = (value: string): string =>
  `<methodCall><methodName>echo</methodName><params><param><value>${value}</value></param></params></methodCall>`;

describe('a client', () => {
  it.each(['', '/', '/RPC2'])('is answered at "%s"', async (path) => {
    expect(await call(at('', ports.open, path), 'echo', ['ä', 1, true, null])).toEqual([['ä', 1, true, null]]);
  });

  it('hears of what is wrong as a fault, and may go on', async () => {
    expect(await calls(at(), ['refuse'], ['nonsense'], ['fail'], ['echo'])).toEqual([
      { fault: [-32500, 'not now'] },
      { fault: [-32601, 'there is no method "nonsense" here'] },
      { fault: [-32603, 'the service has failed; its log says why'] },
      { value: [] },
    ]);
  });

  it.each<[string, Sent, number, RegExp]>([
    ['does not post', { method: 'GET' }, 405, /POST a call/],
    ['puts', { method: 'PUT', body: echo('a') }, 405, /POST a call/],
    ['asks elsewhere', { path: '/RPC3', body: echo('a') }, 404, /at \/RPC2 only/],
    [
      'sends a form, as a page of another site can',
      { body: 'a=b', headers: { 'content-type': 'text/plain' } },
      415,
      /a call is text\/xml/,
    ],
    ['compresses', { body: echo('a'), headers: { 'content-encoding': 'gzip' } }, 415, /must not be compressed/],
    ['sends more than is read', { body: echo('a'.repeat(64 * 1024)) }, 413, /65536 bytes at most/],
    ['sends far more than is read', { body: Buffer.alloc(8 * 1024 * 1024, 'a') }, 413, /65536 bytes at most/],
  ])('gets a status with a sentence when it %s', async (_, sent, status, text) => {
    const answer = await send(sent);
    expect(answer.text).toMatch(text);
    expect(answer.status).toBe(status);
  });

  it.each<[string, string | Buffer, RegExp]>([
    ['that is no XML', 'hello', /-32700.*the request is not the XML of a call/s],
    ['that is empty', '', /-32700.*&lt; is missing|-32700.*"&lt;" is missing/s],
    ['that is no text', Buffer.from([0xff, 0xfe]), /-32700.*it is not UTF-8/s],
    ['that is no call', '<methodResponse/>', /-32700.*not a &lt;methodCall&gt;/s],
    [
      'of a billion laughs',
      `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "${'&a;'.repeat(100)}">]>${echo('&b;')}`,
      /-32700.*it has a document type/s,
    ],
    ['with a type that no method takes', echo('<double>1</double>'), /-32602.*type &lt;double&gt;/s],
  ])('gets a fault for a call %s', async (_, body, fault) => {
    const { status, text } = await send({ body });
    expect(text).toMatch(fault);
    expect(status).toBe(200);
  });

  it('that leaves is not waited for', async () => {
    const body = '<methodCall><methodName>wait</methodName></methodCall>';
    const client = request(at(), { method: 'POST', headers: { 'content-type': 'text/xml' } });
    client.on('error', () => undefined);
    client.end(body);
    await eventually('the call', () => waiting, 15_000);
    client.destroy();
    await eventually(
      'the end of the call',
      async () => (await registry.metrics()).includes('kopr_resalloc_calls_total{method="wait",result="gone"} 1'),
      15_000,
    );
  });

  it('cannot make up names for the metrics', async () => {
    await calls(at(), ['madeUp']);
    const metrics = await registry.metrics();
    expect(metrics).toContain('kopr_resalloc_calls_total{method="none",result="unknownMethod"}');
    expect(metrics).not.toContain('madeUp');
  });
});

describe('the password', () => {
  const answered = async (credentials: string): Promise<unknown> =>
    (await calls(at(credentials, ports.closed), ['echo', 1]))[0];

  it('lets in who has it in the URL, by any name', async () => {
    const encoded = encodeURIComponent(PASSWORD);
    expect(await answered(`resalloc:${encoded}@`)).toEqual({ value: [1] });
    expect(await answered(`:${encoded}@`)).toEqual({ value: [1] });
  });

  it.each<[string, string]>([
    ['none', ''],
    ['a wrong one', 'resalloc:wrong-horse-battery@'],
    ['an empty one', 'resalloc:@'],
    ['the beginning of it', 'resalloc:correct%20horse%20battery@'],
    ['it as the name of a user', `${encodeURIComponent(PASSWORD)}:@`],
  ])('keeps out who has %s', async (_, credentials) => {
    expect(await answered(credentials)).toEqual({ status: 401 });
  });

  it.each(['Bearer abc', 'Basic', 'Basic !!!', 'Basic bm9jb2xvbg=='])('is not found in "%s"', async (authorization) => {
    const response = await fetch(at('', ports.closed), { method: 'POST', headers: { authorization } });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Basic /);
    expect(await response.text()).toContain('http://resalloc:PASSWORD@HOST:49100');
  });

  it('is asked for before anything else is told', async () => {
    for (const path of ['/', '/nowhere']) {
      expect((await fetch(at('', ports.closed, path))).status).toBe(401);
    }
  });

  it('may change while the service runs', async () => {
    writeFileSync(passwordFile, 'another-password-as-long\n');
    expect(await answered('resalloc:another-password-as-long@')).toEqual({ value: [1] });
    expect(await answered(`resalloc:${encodeURIComponent(PASSWORD)}@`)).toEqual({ status: 401 });
    writeFileSync(passwordFile, `${PASSWORD}\n`);
  });

  it('keeps the service from starting when it is missing or too short', async () => {
    await expect(createAdmission(join(directory, 'none'))).rejects.toThrow('the password cannot be read: ENOENT');
    const short = join(directory, 'short');
    writeFileSync(short, 'letmein\n');
    await expect(createAdmission(short)).rejects.toThrow('has 7 characters; give it 16 or more');
  });
});
