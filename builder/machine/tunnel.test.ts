import { request } from 'node:http';
import type { Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen } from '../../lib/listen.ts';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import type { WebServer } from '../testing/web-server.ts';
import { startWebServer } from '../testing/web-server.ts';
import { allowedPlaces } from './allowed.ts';
import type { Tunnel } from './tunnel.ts';
import { createTunnel } from './tunnel.ts';

let repository: WebServer;
let tunnel: Tunnel;
let door: Server;
let port = 0;
let seen: Record<string, unknown>[] = [];

beforeEach(async () => {
  seen = [];
  repository = await startWebServer((incoming, response) => {
    seen.push({ ...incoming.headers });
    if (incoming.url === '/repo/big') response.end(Buffer.alloc(5_000_000, 'x'));
    else if (incoming.url === '/repo/gone') response.destroy();
    else if (incoming.url === '/repo/moved') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    else response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' }).end('content');
  });
  const repo: TaskRepo = {
    id: 'r',
    name: 'R',
    baseurl: `${repository.url}/repo/`,
    gpgcheck: false,
    skipIfUnavailable: false,
  };
  const secure = { ...repo, baseurl: `https://127.0.0.1:${repository.port}/` };
  tunnel = createTunnel(allowedPlaces([repo, secure]), pino({ level: 'silent' }));
  // In place of the port that the machine's sshd forwards.
  door = createServer((socket) => tunnel.serve(socket));
  port = await listen(door, { port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  tunnel.close();
  door.close();
  await repository.stop();
});

function fetch(
  url: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string; location?: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(parts).toString(),
          location: response.headers.location,
        }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The first line of the answer to CONNECT, and what the other side says to `say`. */
function tunnelled(target: string, say = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`),
    );
    let heard = '';
    socket.on('data', (data) => {
      const first = heard === '';
      heard += data.toString();
      if (first && heard.includes(' 200 ')) socket.write(say);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(heard));
  });
}

describe('the tunnel', () => {
  it('fetches what is in a repository of the task', async () => {
    expect(await fetch(`${repository.url}/repo/repodata/repomd.xml`)).toMatchObject({ status: 200, body: 'content' });
    expect((await fetch(`${repository.url}/repo/big`)).body).toHaveLength(5_000_000);
    expect(await fetch(`${repository.url}/repo/a`, 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect(repository.requests).toEqual(['GET /repo/repodata/repomd.xml', 'GET /repo/big', 'HEAD /repo/a']);
  });

  it('passes ranges on, and neither cookies nor credentials', async () => {
    const headers = { range: 'bytes=1-2', cookie: 'a=b', authorization: 'Basic eDp5', 'x-forwarded-for': '10.0.0.1' };
    await fetch(`${repository.url}/repo/a`, 'GET', headers);
    expect(seen[0]).toMatchObject({ range: 'bytes=1-2' });
    expect(Object.keys(seen[0] ?? {}).filter((name) => /cookie|auth|forwarded/.test(name))).toEqual([]);
  });

  it('refuses everything else, and asks nobody for it', async () => {
    const other = await startWebServer((_incoming, response) => void response.end('secret'));
    expect(await fetch(`${other.url}/repo/a`)).toMatchObject({ status: 403 });
    expect(await fetch(`${repository.url}/other`)).toMatchObject({ status: 403 });
    expect(await fetch(`http://user:word@127.0.0.1:${repository.port}/repo/a`)).toMatchObject({ status: 403 });
    expect(await fetch(`${repository.url}/repo/a`, 'POST')).toMatchObject({ status: 405 });
    expect(await fetch('/repo/a')).toMatchObject({ status: 403 });
    expect([...other.requests, ...repository.requests]).toEqual([]);
    await other.stop();
  });

  it('does not follow redirects: the client does, and is refused', async () => {
    expect(await fetch(`${repository.url}/repo/moved`)).toMatchObject({
      status: 302,
      location: 'http://169.254.169.254/',
    });
    expect(await fetch('http://169.254.169.254/')).toMatchObject({ status: 403 });
  });

  it('says that a repository cannot be reached', async () => {
    expect(await fetch(`${repository.url}/repo/gone`)).toMatchObject({ status: 502 });
    expect(await fetch(`${repository.url}/repo/a`)).toMatchObject({ status: 200 });
  });

  it('passes connections on to hosts with repositories over HTTPS alone', async () => {
    const ask = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    expect(await tunnelled(`127.0.0.1:${repository.port}`, ask)).toMatch(/^HTTP\/1\.1 200 [\s\S]*content/);
    expect(await tunnelled('127.0.0.1:22')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await tunnelled('169.254.169.254:443')).toMatch(/^HTTP\/1\.1 403 /);
  });
});
