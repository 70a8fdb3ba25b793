import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { requestFor, startTestService, type TestService } from './testing/harness.ts';
import { makeSrpm } from './testing/srpm.ts';

let distgit: TestService;

beforeAll(async () => {
  distgit = await startTestService({
    KOPR_GIT_PER_CLIENT: '2',
    KOPR_REQUESTS_PER_CLIENT: '4',
    KOPR_TRUSTED_PROXIES: '127.0.0.8',
  });
  const srpm = await distgit.files.addFile(await makeSrpm(distgit.dir, { name: 'hello' }));
  await distgit.imported(requestFor(srpm));
});

afterAll(async () => distgit.stop());

const refs = '/git/demo/hello/hello/info/refs?service=git-upload-pack';

/** Begins a request that is never sent whole, from an address of its own. */
async function hold(from: string, forwarded = '203.0.113.1'): Promise<Socket> {
  const socket = connect({ port: distgit.service.httpPort, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  const type = 'Content-Type: application/x-git-upload-pack-request';
  const via = `X-Forwarded-For: ${forwarded}`;
  const text = `POST /git/demo/hello/hello/git-upload-pack HTTP/1.1\r\nHost: x\r\n${via}\r\n${type}\r\nContent-Length: 1000\r\n\r\n`;
  await new Promise<void>((resolve) => socket.once('connect', () => socket.write(text, () => resolve())));
  return socket;
}

/** The whole answer to a GET from this address. */
async function get(from: string, path: string, forwarded = '203.0.113.2'): Promise<string> {
  const socket = connect({ port: distgit.service.httpPort, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  // Not ended: Node drops the requests of a connection that its client has half closed.
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${forwarded}\r\nConnection: close\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

async function untilAnswer(from: string, path: string, pattern: RegExp, forwarded?: string): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await get(from, path, forwarded);
    if (pattern.test(answer)) return answer;
    await systemClock.sleep(25);
  }
  throw new Error(`${path} was never answered with ${pattern}: ${await get(from, path)}`);
}

describe('one client that holds on to many requests', () => {
  it('is turned away, first from git and then from everything, while others are served', async () => {
    const sockets = [await hold('127.0.0.2'), await hold('127.0.0.2')];
    try {
      const refused = await untilAnswer('127.0.0.2', refs, /^HTTP\/1\.1 503 /);
      expect(refused).toMatch(/retry-after: 5\r\n/i);
      expect(refused).toContain('too many git requests from your address; try again in some seconds\n');
      expect(await get('127.0.0.2', '/')).toMatch(/^HTTP\/1\.1 200 /);
      expect(await get('127.0.0.3', refs)).toMatch(/^HTTP\/1\.1 200 /);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await untilAnswer('127.0.0.2', refs, /^HTTP\/1\.1 200 /);
  });

  it('gets no more than its share of open requests', async () => {
    const sockets = [await hold('127.0.0.4'), await hold('127.0.0.4')];
    const pipelined = connect({ port: distgit.service.httpPort, host: '127.0.0.1', localAddress: '127.0.0.4' });
    pipelined.on('error', () => undefined);
    let answers = '';
    pipelined.on('data', (chunk: Buffer) => {
      answers += chunk.toString('latin1');
    });
    try {
      await untilAnswer('127.0.0.4', refs, /^HTTP\/1\.1 503 /);
      pipelined.write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(10));
      for (let waited = 0; !answers.includes('503') && waited < 200; waited++) await systemClock.sleep(25);
      expect(answers.match(/HTTP\/1\.1 200 /g)?.length).toBe(2);
      expect(answers).toContain('too many open requests from your address; try again in some seconds\n');
      expect(await get('127.0.0.3', '/')).toMatch(/^HTTP\/1\.1 200 /);
    } finally {
      for (const socket of [...sockets, pipelined]) socket.destroy();
    }
    await untilAnswer('127.0.0.4', '/', /^HTTP\/1\.1 200 /);
  });

  it('is told from others behind a trusted proxy', async () => {
    const [busy, other] = ['198.51.100.1', '198.51.100.2'];
    const sockets = [await hold('127.0.0.8', busy), await hold('127.0.0.8', busy)];
    try {
      await untilAnswer('127.0.0.8', refs, /^HTTP\/1\.1 503 /, busy);
      expect(await get('127.0.0.8', refs, other)).toMatch(/^HTTP\/1\.1 200 /);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await untilAnswer('127.0.0.8', refs, /^HTTP\/1\.1 200 /, busy);
  });
});
