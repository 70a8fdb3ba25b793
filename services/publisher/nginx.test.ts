import { mkdir, mkdtemp, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunningProcess } from '../../lib/testing/process.ts';
import { startNginx } from './testing/processes.ts';

const HASH = 'a'.repeat(64);
const UPLOAD = 'b'.repeat(32);

let directory: string;
let nginx: RunningProcess & { port: number };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kopr-nginx-'));
  const files: Record<string, string | Buffer> = {
    'demo/hello/pebble-13-x86_64/.repodata-3/repomd.xml': '<repomd/>',
    'demo/hello/pebble-13-x86_64/.repodata-3/repomd.xml.asc': 'signature',
    [`demo/hello/pebble-13-x86_64/.repodata-3/${HASH}-primary.xml.gz`]: gzipSync('<metadata/>'),
    'demo/hello/pebble-13-x86_64/.repodata-3/.state.json': '{}',
    'demo/hello/pebble-13-x86_64/00000001-hello/.task': '{}',
    'demo/hello/pebble-13-x86_64/00000001-hello/index.html': '<script>alert(1)</script>',
    'demo/hello/pebble-13-x86_64/00000001-hello/picture.svg': '<svg onload="alert(1)"/>',
    'demo/hello/pebble-13-x86_64/00000001-hello/page.xhtml': '<html xmlns="http://www.w3.org/1999/xhtml"/>',
    'demo/hello/pebble-13-x86_64/00000001-hello/program': 'binary',
    'demo/hello/pebble-13-x86_64/00000001-hello/hello-1-1.x86_64.rpm': 'rpm',
    'demo/hello/pebble-13-x86_64/00000001-hello/hello.spec': 'Name: hello',
    'demo/hello/pebble-13-x86_64/00000001-hello/results.json': '{}',
    'demo/hello/pebble-13-x86_64/00000001-hello/success': 'done\n',
    'demo/hello/pebble-13-x86_64/00000001-hello/build.log.gz': gzipSync('compressed <b>text</b>\n'),
    'demo/hello/pebble-13-x86_64/00000001-hello/builder-live.log': 'growing <b>text</b>\n',
    'demo/hello/repo/pebble-13/dnf.repo': '[copr]\n',
    'demo/hello:pr:7/repo/pebble-13/dnf.repo': '[copr of a request]\n',
    '@team/tool/repo/pebble-13/dnf.repo': '[copr of a group]\n',
    [`../uploads/${UPLOAD}/hello+1.spec`]: 'Name: hello',
    [`../uploads/${UPLOAD}/.upload.json`]: '{}',
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, 'data', 'results', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  await symlink('.repodata-3', join(directory, 'data', 'results', 'demo/hello/pebble-13-x86_64/repodata'));
  await mkdir(join(directory, 'data', 'staging'));
  await writeFile(join(directory, 'data', 'staging', 'secret'), 'unpublished');
  nginx = await startNginx(directory, join(directory, 'data'));
});

afterAll(async () => {
  await nginx.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
});

interface Page {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** A plain request: fetch would clean up the path and unpack the answer. */
function get(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  localAddress = '127.0.0.1',
): Promise<Page> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: nginx.port, localAddress, path, method, headers };
    const outgoing = request(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const chroot = '/results/demo/hello/pebble-13-x86_64';
const build = `${chroot}/00000001-hello`;

describe('the results server', () => {
  it.each([
    [`${build}/index.html`, 'application/octet-stream', 'attachment'],
    [`${build}/picture.svg`, 'application/octet-stream', 'attachment'],
    [`${build}/page.xhtml`, 'application/octet-stream', 'attachment'],
    [`${build}/program`, 'application/octet-stream', 'attachment'],
    [`${build}/success`, 'application/octet-stream', 'attachment'],
    [`${build}/hello-1-1.x86_64.rpm`, 'application/x-rpm', 'attachment'],
    [`${build}/build.log.gz`, 'application/gzip', 'attachment'],
    [`${build}/hello.spec`, 'text/plain; charset=utf-8', undefined],
    [`${build}/results.json`, 'application/json; charset=utf-8', undefined],
    [`${build}/build.log`, 'text/plain; charset=utf-8', undefined],
    [`${build}/builder-live.log`, 'text/plain; charset=utf-8', undefined],
    [`${chroot}/repodata/repomd.xml`, 'application/xml', undefined],
    [`${build}/`, 'text/html; charset=utf-8', undefined],
  ])('serves %s as %s (%s)', async (path, type, disposition) => {
    const page = await get(path);
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe(type);
    expect(page.headers['content-disposition']).toBe(disposition);
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'.*sandbox allow-downloads/);
    expect(page.headers['set-cookie']).toBeUndefined();
  });

  it.each([
    [`${build}/.task`],
    [`${chroot}/.repodata-3/repomd.xml`],
    [`${chroot}/repodata/.state.json`],
    ['/staging/secret'],
    ['/results/../staging/secret'],
    ['/results/%2e%2e/staging/secret'],
    ['/coprs/demo/hello/repo/../../../staging/x.repo'],
    ['/coprs/..%2f..%2fstaging/hello/repo/pebble-13/secret.repo'],
    ['/nowhere'],
    [`${build}/nothing.log`],
    ['/uploads/'],
    ['/tmp/'],
    [`/tmp/${UPLOAD}`],
    [`/tmp/${UPLOAD}/`],
    [`/tmp/${UPLOAD}/.upload.json`],
    [`/tmp/${UPLOAD}/..%2f..%2fstaging/secret`],
    [`/tmp/${'c'.repeat(32)}/hello.spec`],
  ])('does not know %s', async (path) => {
    expect([400, 404]).toContain((await get(path)).status);
  });

  it('serves an upload to whoever knows its id, as a download only', async () => {
    for (const name of ['hello+1.spec', 'hello%2B1.spec']) {
      const page = await get(`/tmp/${UPLOAD}/${name}`);
      expect([page.status, page.body.toString()]).toEqual([200, 'Name: hello']);
      expect(page.headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      });
    }
  });

  it('lists directories without hidden names and never shows an index page of a build', async () => {
    const page = (await get(`${build}/`)).body.toString();
    expect(page).toContain('builder-live.log');
    expect(page).not.toContain('.task');
    expect(page).not.toContain('alert');
    expect((await get(`${chroot}/`)).body.toString()).toContain('repodata/');
  });

  it('serves a compressed log under its plain name: packed to who takes it, unpacked to others', async () => {
    const packed = await get(`${build}/build.log`, { 'accept-encoding': 'gzip' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(packed.body.equals(gzipSync('compressed <b>text</b>\n'))).toBe(true);
    const plain = await get(`${build}/build.log`);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.body.toString()).toBe('compressed <b>text</b>\n');
  });

  it('keeps the address of a live log over its compression, and serves parts of it while it grows', async () => {
    const path = `${build}/builder-live.log`;
    expect((await get(path)).body.toString()).toBe('growing <b>text</b>\n');
    const part = await get(path, { range: 'bytes=8-' });
    expect(part.status).toBe(206);
    expect(part.body.toString()).toBe('<b>text</b>\n');
    const file = join(directory, 'data', path);
    await writeFile(`${file}.gz`, gzipSync('all of it\n'));
    expect((await get(path)).body.toString()).toBe('all of it\n');
    await unlink(file);
    expect((await get(path)).body.toString()).toBe('all of it\n');
  });

  it.each([
    [`${chroot}/repodata/repomd.xml`, 'no-cache'],
    [`${chroot}/repodata/repomd.xml.asc`, 'no-cache'],
    [`${chroot}/repodata/${HASH}-primary.xml.gz`, 'public, max-age=31536000, immutable'],
    [`${build}/build.log`, 'no-cache'],
    [`${build}/`, 'no-cache'],
    [`${build}/hello-1-1.x86_64.rpm`, 'max-age=300'],
  ])('lets caches keep %s: %s', async (path, cache) => {
    expect((await get(path)).headers['cache-control']).toBe(cache);
  });

  it.each([
    ['/coprs/demo/hello/repo/pebble-13/demo-hello-pebble-13.repo', '[copr]', 'demo-hello'],
    ['/coprs/demo/hello/repo/pebble-13/dnf.repo?arch=x86_64', '[copr]', 'demo-hello'],
    ['/coprs/demo/hello/repo/pebble-13/anything', '[copr]', 'demo-hello'],
    ['/coprs/demo/hello/repo/pebble-13/', '[copr]', 'demo-hello'],
    ['/coprs/demo/hello:pr:7/repo/pebble-13/dnf.repo', '[copr of a request]', 'demo-hello:pr:7'],
    ['/coprs/g/team/tool/repo/pebble-13/group_team-tool-pebble-13.repo', '[copr of a group]', '@team-tool'],
    ['/coprs/g/team/tool/repo/pebble-13/dnf.repo', '[copr of a group]', '@team-tool'],
    ['/coprs/@team/tool/repo/pebble-13/dnf.repo', '[copr of a group]', '@team-tool'],
    ['/coprs/%40team/tool/repo/pebble-13/', '[copr of a group]', '@team-tool'],
  ])('gives the .repo file of Copr at %s', async (path, content, name) => {
    const page = await get(path);
    expect([page.status, page.headers['content-type'], page.body.toString()]).toEqual([
      200,
      'text/plain; charset=utf-8',
      `${content}\n`,
    ]);
    expect(page.headers['content-disposition']).toBe(`filename=${name}.repo`);
    expect(page.headers['x-content-type-options']).toBe('nosniff');
  });

  it.each(['/coprs/demo/hello/repo/pebble-14/dnf.repo', '/coprs/@demo/hello/repo/pebble-13/dnf.repo'])(
    'has no .repo file at %s',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  it('leads from its root to the results, answers health checks and takes no uploads', async () => {
    expect((await get('/')).headers.location).toBe('/results/');
    expect((await get('/healthz')).body.toString()).toBe('ok\n');
    expect((await get(`${build}/new`, {}, 'PUT')).status).toBe(405);
  });
});

describe('connections of one address', () => {
  const LIMIT = 64;
  /** More than what the kernel takes off nginx for a client that does not read. */
  const BIG = 64 * 1024 * 1024;
  const big = `${build}/big.rpm`;
  const clients: Socket[] = [];

  /** Asks for the big file, waits for the beginning of the answer and reads no more. */
  function hold(): Promise<string> {
    return new Promise((resolve, reject) => {
      const client = connect({ host: '127.0.0.1', port: nginx.port });
      clients.push(client);
      client.setTimeout(10_000, () => client.destroy(new Error('nginx did not answer within 10 s')));
      client.on('error', reject);
      client.once('data', (chunk: Buffer) => {
        client.pause();
        client.setTimeout(0);
        resolve(chunk.toString('latin1').split('\r\n', 1)[0] ?? '');
      });
      client.write(`GET ${big} HTTP/1.1\r\nHost: results\r\n\r\n`);
    });
  }

  beforeAll(async () => {
    // It has a size and takes no room.
    await writeFile(join(directory, 'data', big), '');
    await truncate(join(directory, 'data', big), BIG);
    const answers = await Promise.all(Array.from({ length: LIMIT }, hold));
    expect(answers).toEqual(Array.from({ length: LIMIT }, () => 'HTTP/1.1 200 OK'));
  });

  afterAll(() => {
    for (const client of clients) client.destroy();
  });

  it('are limited: one more is told to come back later', async () => {
    expect(await hold()).toBe('HTTP/1.1 429 Too Many Requests');
    expect((await get(`${build}/success`)).status).toBe(429);
  });

  it('leave health checks alone, which come from the address of a node', async () => {
    expect((await get('/healthz')).status).toBe(200);
  });

  it('take nothing from other addresses', async () => {
    expect((await get(`${build}/success`, {}, 'GET', '127.0.0.2')).status).toBe(200);
  });

  it('count no longer than they last', async () => {
    for (const client of clients) client.destroy();
    await vi.waitFor(async () => expect((await get(`${build}/success`)).status).toBe(200), { timeout: 10_000 });
  });
});
