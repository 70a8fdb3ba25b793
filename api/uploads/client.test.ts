import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { pino } from 'pino';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { listen } from '../../lib/listen.ts';
import { verifyUploadToken } from '../../lib/protocol/token.ts';
import { createUploads, type Uploads } from './client.ts';

/** That the publisher takes such requests is tested where it is; here it is how they fail. */
const key = new Uint8Array(Buffer.alloc(32, 7));
const stored = { id: 'a'.repeat(32), name: 'hello.spec', size: 7, sha256: 'b'.repeat(64) };

let answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
let server: ReturnType<typeof createServer>;
let uploads: Uploads;
let dispatcher: Agent;
let asked: IncomingMessage[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(request);
    void answer(request, response);
  });
  const port = await listen(server, { port: 0, host: '127.0.0.1' });
  dispatcher = new Agent({ headersTimeout: 300, bodyTimeout: 300 });
  const log = pino({ level: 'silent' });
  const publisherURL = `http://127.0.0.1:${port}`;
  uploads = createUploads({ publisherURL, key, clock: systemClock, log, maxBytes: 1000, dispatcher });
});
afterEach(async () => {
  await dispatcher.destroy();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

function store(stream: Readable, filename = 'hello.spec', signal = new AbortController().signal) {
  return uploads.store({ user: 'alice', filename, stream }, signal);
}

function replies(status: number, body: unknown): typeof answer {
  return (request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(status).end(JSON.stringify(body)));
  };
}

describe('an upload to the publisher', () => {
  it('carries the name, the bytes and a token for the user', async () => {
    let body = '';
    answer = async (request, response) => {
      for await (const chunk of request) body += String(chunk);
      response.end(JSON.stringify(stored));
    };
    expect(await store(Readable.from(['con', 'tent'].map((text) => Buffer.from(text))), 'dir/HELLO.SPEC')).toEqual(
      stored,
    );
    expect(body).toBe('content');
    expect(asked[0]?.url).toBe('/v1/uploads?name=HELLO.spec');
    const token = asked[0]?.headers.authorization?.replace('Bearer ', '') ?? '';
    expect(await verifyUploadToken(key, token, systemClock)).toBe('alice');
  });

  it.each([
    [413, /^the file hello.spec is too large: at most 1000 bytes/, 413],
    [507, /^there is no room for uploads now/, 507],
    [400, /^as the test wants it$/, 400],
    [401, /does not take them/, 503],
    [404, /does not take them/, 503],
    [500, /does not take them/, 503],
  ])('answered with %i is refused with a sentence', async (status, message, asStatus) => {
    answer = replies(status, { error: { code: 'Some', message: 'as the test wants it' } });
    const attempt = store(Readable.from([Buffer.from('x')]));
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ status: asStatus });
  });

  it('is not begun for a file that cannot be built', async () => {
    await expect(store(Readable.from([]), 'hello.rpm')).rejects.toMatchObject({ status: 400 });
    expect(asked).toEqual([]);
  });

  it('answers 503 when the publisher is away, or stalls', async () => {
    answer = (request) => void request.resume();
    await expect(store(Readable.from([Buffer.from('x')]))).rejects.toMatchObject({ status: 503 });
    await new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    });
    await expect(store(Readable.from([Buffer.from('x')]))).rejects.toMatchObject({ status: 503 });
  });

  it('ends at both ends when the client breaks off', async () => {
    const body = new PassThrough();
    const aborted = new Promise<void>((resolve) => {
      answer = (request) => {
        request.resume();
        request.once('error', () => resolve());
      };
    });
    const attempt = store(body);
    body.write('half');
    await once(server, 'request');
    body.destroy(new Error('the client is gone'));
    await expect(attempt).rejects.toThrow('the client is gone');
    await aborted;
  });

  it('ends when its signal is aborted', async () => {
    const abort = new AbortController();
    answer = (request) => void request.resume();
    const body = new PassThrough();
    const attempt = store(body, 'hello.spec', abort.signal);
    body.write('half');
    await once(server, 'request');
    abort.abort(new Error('stopping'));
    await expect(attempt).rejects.toThrow('stopping');
  });

  it('is deleted again with a token of its user', async () => {
    answer = (_request, response) => void response.writeHead(204).end();
    await uploads.discard('alice', stored);
    expect([asked[0]?.method, asked[0]?.url]).toEqual(['DELETE', `/v1/uploads/${stored.id}`]);
    answer = (_request, response) => void response.writeHead(500).end();
    await expect(uploads.discard('alice', stored)).rejects.toThrow('500');
  });
});
