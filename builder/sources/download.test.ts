import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import { Refusal } from '../retry.ts';
import { fetchContext, temporaryDirectory } from '../testing/context.ts';
import type { Handler, WebServer } from '../testing/web-server.ts';
import { startWebServer } from '../testing/web-server.ts';
import { download } from './download.ts';
import { fetchLink } from './link.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let servers: WebServer[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await directory.remove();
});

async function serve(handler: Handler): Promise<WebServer> {
  const server = await startWebServer(handler);
  servers.push(server);
  return server;
}

const target = (): string => join(directory.path, 'file');

describe('a download', () => {
  it('is complete, under its name, and told in the log', async () => {
    const context = fetchContext();
    const server = await serve((_request, response) => void response.end('content'));
    const digest = { hashtype: 'sha512', hash: createHash('sha512').update('content').digest('hex') };
    expect(await download({ url: `${server.url}/a?token=secret`, target: target(), digest }, context)).toBe(7);
    expect(await readFile(target(), 'utf8')).toBe('content');
    expect(context.log.text()).toContain('downloaded 7 bytes');
    expect(context.log.text()).not.toContain('secret');
  });

  it('leaves nothing under its name when the digest differs, and is not tried again', async () => {
    const server = await serve((_request, response) => void response.end('other'));
    const digest = { hashtype: 'md5', hash: '0'.repeat(32) };
    const attempt = download({ url: server.url, target: target(), digest }, fetchContext());
    await expect(attempt).rejects.toMatchObject({ code: 'SourceDigestMismatch' });
    expect(await readdir(directory.path)).not.toContain('file');
    expect(server.requests).toHaveLength(1);
  });

  it('survives resets, errors and answers cut short, as many as its tries allow', async () => {
    let count = 0;
    const server = await serve((request, response) => {
      count++;
      if (count === 1) return void request.socket.destroy();
      if (count === 2) return void response.writeHead(503).end();
      if (count === 3) {
        response.writeHead(200, { 'content-length': 100 });
        response.write('half');
        setTimeout(() => response.destroy(), 20);
        return;
      }
      response.end('whole');
    });
    const context = fetchContext();
    await download({ url: server.url, target: target() }, context);
    expect(await readFile(target(), 'utf8')).toBe('whole');
    expect(context.clock.slept).toEqual([1000, 2000, 4000]);
  });

  it('gives up on a server that does not answer, with a sentence that names it', async () => {
    const server = await serve(() => {});
    await server.stop();
    const attempt = download({ url: `${server.url}/x.spec`, target: target() }, fetchContext());
    await expect(attempt).rejects.toThrow(/^http:\/\/127.0.0.1:\d+\/x.spec could not be fetched: .*ECONNREFUSED/);
    await expect(attempt).rejects.toBeInstanceOf(TerminalError);
  });

  it('blames nobody when it is our own service that does not answer, and has more patience with it', async () => {
    const server = await serve((_request, response) => void response.writeHead(502).end());
    const attempt = download({ url: server.url, target: target() }, fetchContext({ server: 'own' }));
    await expect(attempt).rejects.not.toBeInstanceOf(TerminalError);
    expect(server.requests).toHaveLength(8);
  });

  it('stops at the deadline of the task', async () => {
    const server = await serve(() => {});
    const context = fetchContext({ signal: AbortSignal.timeout(100) });
    await expect(download({ url: server.url, target: target() }, context)).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('keeps the bytes that the server has, even when it calls them compressed', async () => {
    const server = await serve((request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(request.headers['accept-encoding']);
    });
    await download({ url: server.url, target: target() }, fetchContext());
    expect(await readFile(target(), 'utf8')).toBe('identity');
  });

  it.each([
    ['announced', { 'content-length': '1000' }],
    ['not announced', {}],
  ])('refuses a size over the limit that is %s', async (_how, headers) => {
    const server = await serve((_request, response) => {
      response.writeHead(200, headers);
      response.end('x'.repeat(1000));
    });
    const context = fetchContext({ maxSourceBytes: 999 });
    await expect(download({ url: server.url, target: target() }, context)).rejects.toMatchObject({
      code: 'SourceTooLarge',
    });
    expect(server.requests).toHaveLength(1);
  });

  it('follows redirects, to another server too', async () => {
    const end = await serve((_request, response) => void response.end('end'));
    const start = await serve((_request, response) => void response.writeHead(302, { location: `${end.url}/b` }).end());
    await download({ url: start.url, target: target() }, fetchContext());
    expect(await readFile(target(), 'utf8')).toBe('end');
  });

  it.each([
    ['a file of the machine', 'file:///etc/passwd', 'UnsupportedSource'],
    ['another protocol', 'ftp://127.0.0.1/x', 'UnsupportedSource'],
    ['a URL with credentials', 'http://user:pass@127.0.0.1/', 'UnsupportedSource'],
    ['itself for ever', '/', 'SourceFetchFailed'],
    ['no URL', 'http://[', 'SourceFetchFailed'],
  ])('does not follow a redirect to %s', async (_what, location, code) => {
    const server = await serve((_request, response) => void response.writeHead(301, { location }).end());
    await expect(download({ url: server.url, target: target() }, fetchContext())).rejects.toMatchObject({ code });
    expect(server.requests.length).toBeLessThanOrEqual(11);
  });

  it.each([
    [404, 'own'],
    [403, 'stranger'],
    [410, 'stranger'],
  ] as const)('takes status %i for an answer when the server is %s', async (status, server) => {
    const web = await serve((_request, response) => void response.writeHead(status).end());
    const attempt = download({ url: web.url, target: target() }, fetchContext({ server }));
    await expect(attempt).rejects.toMatchObject({
      code: 'SourceFetchFailed',
      message: expect.stringContaining(`status ${status}`),
    });
    expect(web.requests).toHaveLength(1);
  });

  it.each([401, 403, 410])(
    'takes status %i of our own service for a refusal that is not asked again',
    async (status) => {
      const web = await serve((_request, response) => void response.writeHead(status).end());
      const attempt = download({ url: web.url, target: target() }, fetchContext({ server: 'own' }));
      await expect(attempt).rejects.toBeInstanceOf(Refusal);
      expect(web.requests).toHaveLength(1);
    },
  );

  it('shows its token until it is led to another server, and not even then when it is led back', async () => {
    const shown: string[] = [];
    const far = await serve((request, response) => {
      shown.push(`far ${request.headers.authorization}`);
      response.writeHead(307, { location: `${near.url}/end` }).end();
    });
    const near = await serve((request, response) => {
      shown.push(`near ${request.headers.authorization}`);
      if (request.url === '/end') return void response.end('x');
      response.writeHead(302, { location: request.url === '/' ? '/second' : far.url }).end();
    });
    const context = fetchContext({ server: 'own', token: 'the-token' });
    await download({ url: near.url, target: target() }, context);
    expect(shown).toEqual(['near Bearer the-token', 'near Bearer the-token', 'far undefined', 'near undefined']);
    expect(context.log.text()).not.toContain('the-token');
  });
});

describe('a link', () => {
  it.each([
    ['/a/hello-2.12-1.src.rpm', 'srpm', 'hello-2.12-1.src.rpm'],
    ['/a/hello-2.12-1.nosrc.rpm', 'srpm', 'hello-2.12-1.nosrc.rpm'],
    ['/b/hello%2B.spec?raw=1', 'spec', 'hello+.spec'],
  ])('%s is a %s', async (path, kind, file) => {
    const server = await serve((_request, response) => void response.end('x'));
    expect(await fetchLink(server.url + path, directory.path, fetchContext())).toEqual({ kind, file });
    expect(await readdir(directory.path)).toEqual([file]);
  });

  it.each([
    ['hello.src.rpm', 'is not a URL'],
    ['ftp://example.org/hello.spec', 'only http:// and https://'],
    ['file:///etc/hello.spec', 'only http:// and https://'],
    ['http://u:p@example.org/hello.spec', 'without credentials'],
    ['http://127.0.0.1/hello.tar.gz', 'must end in .src.rpm, .nosrc.rpm or .spec'],
    ['http://127.0.0.1/', 'must end in .src.rpm, .nosrc.rpm or .spec'],
    ['http://127.0.0.1/..%2Fx.spec', 'must end in .src.rpm, .nosrc.rpm or .spec'],
    ['http://127.0.0.1/.spec', 'must end in .src.rpm, .nosrc.rpm or .spec'],
    ['http://127.0.0.1/-D.spec', 'must end in .src.rpm, .nosrc.rpm or .spec'],
  ])('%s is refused: it %s', async (url, message) => {
    const attempt = fetchLink(url, directory.path, fetchContext());
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ code: 'UnsupportedSource' });
  });
});
