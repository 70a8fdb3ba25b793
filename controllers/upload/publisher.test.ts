import { createServer, type Server } from 'node:http';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { listen } from '../../lib/listen.ts';
import { verifyControlToken } from '../../lib/protocol/token.ts';
import { createUploadStore, type UploadStore } from './publisher.ts';

const tokenKey = new Uint8Array(Buffer.alloc(32, 3));
const listed = {
  id: 'a'.repeat(32),
  name: 'hello.spec',
  size: 1,
  sha256: 'b'.repeat(64),
  createdAt: '2026-11-24T12:00:00Z',
};
const signal = AbortSignal.timeout(10_000);

let server: Server;
let dispatcher: Agent;
let store: UploadStore;
let status: number;
let asked: string[];

beforeEach(async () => {
  status = 0;
  asked = [];
  server = createServer((request, response) => {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    void verifyControlToken(tokenKey, token, 'publisher', systemClock).then((caller) => {
      asked.push(`${caller} ${request.method} ${request.url}`);
      response.writeHead(status || (request.method === 'GET' ? 200 : 204));
      response.end(request.method === 'GET' ? JSON.stringify({ uploads: [listed] }) : undefined);
    });
  });
  const port = await listen(server, { port: 0, host: '127.0.0.1' });
  dispatcher = new Agent();
  store = createUploadStore({ publisherURL: `http://127.0.0.1:${port}`, tokenKey, clock: systemClock, dispatcher });
});
afterEach(async () => {
  await dispatcher.destroy();
  await new Promise((closed) => server.close(closed));
});

describe('the uploads at the publisher', () => {
  it('are listed and deleted by the operator', async () => {
    expect(await store.list(signal)).toEqual([listed]);
    await store.delete(listed.id, signal);
    expect(asked).toEqual(['kopr-operator GET /v1/uploads', `kopr-operator DELETE /v1/uploads/${listed.id}`]);
  });

  it.each([401, 404, 500])('are left to the next round when the answer is %i', async (answer) => {
    status = answer;
    await expect(store.list(signal)).rejects.toThrow(`with status ${answer}`);
    await expect(store.delete(listed.id, signal)).rejects.toThrow(`with status ${answer}`);
  });
});
