import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { fetchMetrics } from '../../lib/http/testing/metrics.ts';
import { gitCommand, startTestService, type TestService } from './testing/harness.ts';
import { makeSrpm } from './testing/srpm.ts';

const archive = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 256));
const digest = (kind: string): string => createHash(kind).update(archive).digest('hex');

let distgit: TestService;
let base: string;
let commit: string;

beforeAll(async () => {
  distgit = await startTestService({ KOPR_GIT_CONCURRENCY: '1', KOPR_GIT_PER_CLIENT: '100' });
  base = distgit.base;
  const srpm = await distgit.files.addFile(
    await makeSrpm(distgit.dir, { name: 'hello', sources: { 'a b+c.zip': archive } }),
  );
  const result = await distgit.imported({
    owner: '@team',
    project: 'p',
    build: 1,
    srpm,
    branches: ['main-1', 'main-2'],
  });
  commit = result.branches['main-1'] as string;
});

afterAll(async () => distgit.stop());

const pkgs = (rest: string): string => `${base}/repo/pkgs/@team/p/hello/a%20b%2Bc.zip/${rest}/a%20b%2Bc.zip`;

describe('the lookaside cache', () => {
  it.each([
    ['md5', `md5/${digest('md5')}`],
    ['md5 without saying so', digest('md5')],
    ['sha256', `sha256/${digest('sha256')}`],
    ['sha512', `sha512/${digest('sha512')}`],
  ])('gives a file by its %s', async (_what, rest) => {
    const answer = await fetch(pkgs(rest));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(archive);
  });

  it('gives parts, heads, and nothing anew', async () => {
    const url = pkgs(`sha256/${digest('sha256')}`);
    const part = await fetch(url, { headers: { range: 'bytes=9990-' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 9990-9999/10000']);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(archive.subarray(9990));
    const beyond = await fetch(url, { headers: { range: 'bytes=10000-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10000']);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10000', '']);
    const etag = head.headers.get('etag') as string;
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const resumed = await fetch(url, { headers: { range: 'bytes=1-2', 'if-range': etag } });
    expect(resumed.status).toBe(206);
    const changed = await fetch(url, { headers: { range: 'bytes=1-2', 'if-range': '"another"' } });
    expect([changed.status, (await changed.arrayBuffer()).byteLength]).toEqual([200, 10_000]);
  });

  it('does not tell one project about the content of another', async () => {
    const url = pkgs(`sha256/${digest('sha256')}`).replace('/@team/p/', '/@team/q/');
    expect((await fetch(url)).status).toBe(404);
  });

  it.each([
    ['PUT', `/repo/pkgs/@team/p/hello/a.zip/${digest('md5')}/a.zip`, 405],
    ['DELETE', `/`, 405],
    ['GET', '/repo/pkgs/@team/p/hello/', 404],
    ['GET', '/per-task-logs/2.log', 404],
    ['GET', '/git/@team/p/hello/HEAD', 404],
    ['GET', '/git/@team/p/hello/info/refs', 403],
    ['GET', '/git/@team/p/nothing/info/refs?service=git-upload-pack', 404],
  ])('answers %s %s with %i', async (method, path, status) => {
    expect((await fetch(new URL(path, base), { method })).status).toBe(status);
  });

  it('says what it is at /', async () => {
    expect(await (await fetch(base)).text()).toContain('/git/<owner>/<project>/<package>');
  });

  it.each([
    '/../../../../etc/passwd',
    '/repo/pkgs/../../../token.key',
    '/git/@team/p/hello/../../../../token.key',
    '/per-task-logs/../imports',
    '/git/%2e%2e/%2e%2e/token.key',
  ])('never leaves the data at %s', async (path) => {
    expect(await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe('git over HTTP', () => {
  it.each(['/git/@team/p/hello', '/git/%40team/p/hello', '/git/@team/p/hello.git'])('clones %s', async (path) => {
    const target = join(distgit.dir, `clone-${createHash('md5').update(path).digest('hex')}`);
    await gitCommand('clone', '--quiet', '--branch', 'main-2', base + path, target);
    expect(await gitCommand('-C', target, 'rev-parse', 'HEAD')).toBe(commit);
  });

  it.each(['0', '1', '2'])('fetches one commit by its id with protocol %s', async (version) => {
    const target = join(distgit.dir, `fetch-${version}`);
    await gitCommand('init', '--quiet', target);
    await gitCommand(
      '-C',
      target,
      '-c',
      `protocol.version=${version}`,
      'fetch',
      '--quiet',
      '--depth=1',
      `${base}/git/@team/p/hello`,
      commit,
    );
    await gitCommand('-C', target, 'checkout', '--quiet', 'FETCH_HEAD');
    expect(await readdir(target)).toContain('hello.spec');
  });

  it('takes no push', async () => {
    const target = join(distgit.dir, 'push');
    await gitCommand('clone', '--quiet', `${base}/git/@team/p/hello`, target);
    await gitCommand('-C', target, 'commit', '--quiet', '--allow-empty', '-m', 'mine');
    await expect(gitCommand('-C', target, 'push', 'origin', 'HEAD:main-1')).rejects.toThrow(/403/);
    const direct = await fetch(`${base}/git/@team/p/hello/git-receive-pack`, { method: 'POST', body: '0000' });
    expect([direct.status, await direct.text()]).toEqual([
      403,
      'this repository is read-only; submit a build to change it\n',
    ]);
    expect(await gitCommand('ls-remote', `${base}/git/@team/p/hello`, 'main-1')).toMatch(commit);
  });

  it('ends its process when the client goes away, and turns a crowd away', async () => {
    // With one slot, a request that never ends its body holds up all others.
    const slow = await open();
    slow.write(upload(1000));
    await until(async () => (await running()) === 1);
    const crowd = await Promise.all(Array.from({ length: 9 }, () => open()));
    const away = Promise.race(crowd.map((socket) => once(socket, 'data')));
    for (const socket of crowd) socket.write(upload(4));
    // Eight may wait.
    expect(String(await away)).toMatch(/^HTTP\/1\.1 503 /);
    expect((await refs()).status).toBe(503);
    slow.destroy();
    for (const socket of crowd) socket.destroy();
    await until(async () => (await running()) === 0);
    expect((await refs()).status).toBe(200);
  });

  it('cuts a client off that never stops talking', async () => {
    const line = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text;
    const chatter = Buffer.from(line(`have ${'1'.repeat(40)}\n`).repeat(20_000));
    let sent = 0;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(`${line(`want ${commit}\n`)}0000`)),
      pull: (controller) => {
        sent += chatter.length;
        controller.enqueue(chatter);
      },
    });
    const headers = { 'content-type': 'application/x-git-upload-pack-request' };
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
    const answer = fetch(`${base}/git/@team/p/hello/git-upload-pack`, init).then((response) => response.text());
    expect(await answer.catch(() => 'cut')).toMatch(/^(?:cut)?$/);
    await until(async () => (await running()) === 0);
    const before = sent;
    await systemClock.sleep(100);
    expect(sent).toBe(before);
    expect(sent / 1024 / 1024).toBeGreaterThan(7);
    expect(sent / 1024 / 1024).toBeLessThan(24);
  });
});

function upload(length: number): string {
  return `POST /git/@team/p/hello/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-upload-pack-request\r\nContent-Length: ${length}\r\n\r\n`;
}

async function refs(): Promise<Response> {
  const signal = AbortSignal.timeout(300);
  return fetch(`${base}/git/@team/p/hello/info/refs?service=git-upload-pack`, { signal }).catch(
    () => new Response(null, { status: 504 }),
  );
}

async function running(): Promise<number> {
  const text = await fetchMetrics(distgit.service.metricsPort);
  return Number(/^kopr_distgit_git_requests_running (\d+)$/m.exec(text)?.[1]);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await condition()) return;
    await systemClock.sleep(25);
  }
  throw new Error('the condition did not come true');
}

async function open(): Promise<Socket> {
  const socket = connect(distgit.service.httpPort, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return socket;
}

async function raw(text: string): Promise<string> {
  const socket = await open();
  socket.end(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}
