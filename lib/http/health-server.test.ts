import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Counter, Registry } from 'prom-client';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HealthServer, HealthServerOptions } from './health-server.ts';
import { startHealthServer } from './health-server.ts';

const TOKEN = 'a-token-of-enough-characters';
const directory = mkdtempSync(join(tmpdir(), 'kopr-health-'));
const tokenFile = join(directory, 'token');
afterAll(() => rmSync(directory, { recursive: true }));

const registry = new Registry();
new Counter({ name: 'kopr_test_total', help: 'test', registers: [registry] }).inc(3);

let reason: string | undefined;
let server: HealthServer | undefined;
beforeEach(() => {
  reason = undefined;
  writeFileSync(tokenFile, TOKEN);
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(more: Partial<HealthServerOptions> = {}): Promise<HealthServer> {
  server = await startHealthServer({
    port: 0,
    host: '127.0.0.1',
    registry,
    ready: () => reason,
    metricsTokenFile: undefined,
    ...more,
  });
  return server;
}

async function ask(path: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${server?.port}${path}`, init);
  return [response.status, await response.text()];
}

describe('the health server', () => {
  it('tells life, and readiness with its reason', async () => {
    await start();
    reason = 'the cache is empty';
    expect(await ask('/healthz')).toEqual([200, 'ok\n']);
    expect(await ask('/readyz')).toEqual([503, 'the cache is empty\n']);
    reason = undefined;
    expect(await ask('/readyz?verbose')).toEqual([200, 'ok\n']);
    expect((await ask('/other'))[0]).toBe(404);
    expect((await ask('/healthz', { method: 'POST' }))[0]).toBe(405);
    await server?.close();
    await expect(ask('/healthz')).rejects.toThrow();
  });

  it('says so when the port is taken', async () => {
    const { port } = await start();
    await expect(
      startHealthServer({ port, host: '127.0.0.1', registry, ready: () => undefined, metricsTokenFile: undefined }),
    ).rejects.toThrow('EADDRINUSE');
  });

  it('leaves connections for the probes, however many one address opens', async () => {
    const { port } = await start();
    const sockets: Socket[] = [];
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < 9; i++) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      await once(socket, 'connect');
      sockets.push(socket);
      ends.push(once(socket, 'close'));
    }
    await Promise.all(ends.slice(4));
    expect(sockets.filter(({ destroyed }) => !destroyed)).toHaveLength(4);
    for (const socket of sockets) socket.destroy();
    await Promise.all(ends);
    await expect.poll(async () => (await ask('/healthz').catch(() => []))[0]).toBe(200);
  });
});

describe('a connection on which no whole request comes', () => {
  it.each([
    ['nothing', ''],
    ['half a line', 'GET /heal'],
    ['headers without an end', 'GET /healthz HTTP/1.1\r\nHost: x\r\n'],
    ['a body without an end', 'POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx'],
  ])('is ended soon after the time for a request (%s)', async (_, text) => {
    const { port } = await start({ requestMs: 600 });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.resume();
    const began = performance.now();
    await once(socket, 'connect');
    if (text !== '') socket.write(text);
    await once(socket, 'close');
    // Node's own interval would make it 30 s.
    expect(performance.now() - began).toBeGreaterThan(500);
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});

describe('/metrics', () => {
  const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

  it('is not there unless it is switched on, not even with a token', async () => {
    await start();
    const other = await ask('/other');
    expect(await ask('/metrics')).toEqual(other);
    expect(await ask('/metrics', bearer(TOKEN))).toEqual(other);
  });

  it.each<[string, RequestInit]>([
    ['nothing', {}],
    ['an empty token', bearer('')],
    ['another token', bearer('b-token-of-enough-characters')],
    ['the beginning of the token', bearer(TOKEN.slice(0, -1))],
    ['more than the token', bearer(`${TOKEN}x`)],
    ['two tokens', bearer(`${TOKEN} ${TOKEN}`)],
    [
      'the token as a password',
      { headers: { authorization: `Basic ${Buffer.from(`x:${TOKEN}`).toString('base64')}` } },
    ],
    ['the bare token', { headers: { authorization: TOKEN } }],
  ])('is refused to who shows %s', async (_, init) => {
    await start({ metricsTokenFile: tokenFile });
    const [status, text] = await ask('/metrics', init);
    expect(status).toBe(401);
    expect(text).not.toContain('kopr_test_total');
    const response = await fetch(`http://127.0.0.1:${server?.port}/metrics`, init);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="kopr metrics"');
  });

  it('is shown to the holder of the token, and probes ask for none', async () => {
    writeFileSync(tokenFile, `${TOKEN}\n`);
    await start({ metricsTokenFile: tokenFile });
    const [status, text] = await ask('/metrics', bearer(TOKEN));
    expect(status).toBe(200);
    expect(text).toContain('kopr_test_total 3');
    expect(await ask('/healthz')).toEqual([200, 'ok\n']);
    expect(await ask('/readyz')).toEqual([200, 'ok\n']);
  });

  it('takes a new token without a restart, and the old one no longer', async () => {
    await start({ metricsTokenFile: tokenFile });
    writeFileSync(tokenFile, 'another-token-of-enough-characters');
    expect((await ask('/metrics', bearer(TOKEN)))[0]).toBe(401);
    expect((await ask('/metrics', bearer('another-token-of-enough-characters')))[0]).toBe(200);
  });

  it('shows nothing while the file with the token is gone', async () => {
    await start({ metricsTokenFile: tokenFile });
    rmSync(tokenFile);
    await expect(ask('/metrics', bearer(TOKEN))).rejects.toThrow();
    expect(await ask('/healthz')).toEqual([200, 'ok\n']);
  });

  it.each([
    ['is empty', ''],
    ['is short', 'fifteen-letters'],
    ['holds several words', `${TOKEN} ${TOKEN}`],
  ])('keeps the process from starting when its token %s', async (_, text) => {
    writeFileSync(tokenFile, text);
    await expect(start({ metricsTokenFile: tokenFile })).rejects.toThrow(/one word of 16 characters or more/);
  });

  it('keeps the process from starting when there is no token', async () => {
    await expect(start({ metricsTokenFile: join(directory, 'none') })).rejects.toThrow(/cannot be read: .*ENOENT/);
  });
});
