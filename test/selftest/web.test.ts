import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { webExists, webFetch } from './web.ts';

const FILES: Record<string, Buffer> = {
  '/bytes': Buffer.from([0, 255, 254]),
  '/empty': Buffer.alloc(0),
  '/large': Buffer.alloc(1024 * 1024 + 1),
};

describe('a file of a web server', () => {
  let server: Server;
  let base = '';

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      const content = FILES[incoming.url ?? ''];
      response.writeHead(content ? 200 : 404, { 'content-length': content?.length ?? 0 });
      response.end(incoming.method === 'HEAD' ? undefined : content);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is fetched byte by byte', async () => {
    expect(await webFetch(`${base}/bytes`)).toEqual(FILES['/bytes']);
  });

  it('is not fetched when it is missing or larger than a small file', async () => {
    await expect(webFetch(`${base}/none`)).rejects.toThrow(`${base}/none answers 404`);
    await expect(webFetch(`${base}/large`)).rejects.toThrow('is larger than 1048576 bytes');
  });

  it('exists whatever its size, unless it is missing or empty', async () => {
    await expect(webExists(`${base}/large`)).resolves.toBeUndefined();
    await expect(webExists(`${base}/none`)).rejects.toThrow(`${base}/none answers 404`);
    await expect(webExists(`${base}/empty`)).rejects.toThrow(`${base}/empty is empty`);
  });
});
