import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { fetchMetrics } from '../../lib/http/testing/metrics.ts';
import { lookasidePath, parseSources } from '../../lib/lookaside/sources.ts';
import { type ImportRequest, importResult } from '../../lib/protocol/distgit.ts';
import { mintControlToken, mintTaskToken, tokenKey } from '../../lib/protocol/token.ts';
import { gitCommand, KEY, requestFor, startTestService, type TestService, taskId } from './testing/harness.ts';
import { makeSrpm } from './testing/srpm.ts';

const tarball = Buffer.concat([Buffer.from('not really a tarball \0'), Buffer.alloc(200_000, 'x')]);
const digest = (kind: string, content: Buffer): string => createHash(kind).update(content).digest('hex');

let distgit: TestService;
let srpm: ImportRequest['srpm'];
let srpmPath: string;

beforeAll(async () => {
  distgit = await startTestService();
  srpmPath = await makeSrpm(distgit.dir, {
    name: 'hello',
    version: '2.12',
    epoch: 3,
    sources: { 'hello-2.12.tar.gz': tarball, 'fix.patch': '--- a\n+++ b\n', 'run.sh': '#!/bin/sh\n' },
    preamble: ['BuildArch: noarch', 'ExclusiveArch: x86_64 i386', 'ExcludeArch: s390x'],
  });
  srpm = await distgit.files.addFile(srpmPath);
});

afterAll(async () => distgit.stop());

describe('an import', () => {
  it('puts text into git on every branch and archives into the lookaside cache', async () => {
    const result = await distgit.imported(requestFor(srpm));
    expect(result).toMatchObject({
      package: { name: 'hello', epoch: 3, version: '2.12', release: '1' },
      repo: 'demo/hello/hello',
      exclusiveArch: ['x86_64', 'i386'],
      excludeArch: ['s390x'],
      buildArchs: ['noarch'],
    });
    expect(result.branches['pebble-13']).toBe(result.branches['pebble-12']);
    const clone = join(distgit.dir, 'clone-1');
    await gitCommand('clone', '--quiet', `${distgit.base}/git/${result.repo}`, clone);
    expect((await readdir(clone)).toSorted()).toEqual([
      '.git',
      '.gitignore',
      'fix.patch',
      'hello.spec',
      'run.sh',
      'sources',
    ]);
    expect((await stat(join(clone, 'run.sh'))).mode & 0o100).toBe(0o100);
    expect(await readFile(join(clone, '.gitignore'), 'utf8')).toBe('/hello-2.12.tar.gz\n');
    expect(await gitCommand('-C', clone, 'branch', '--show-current')).toBe('pebble-13');
    expect(await gitCommand('-C', clone, 'fsck', '--strict')).toBe('');
    const entries = parseSources(await readFile(join(clone, 'sources'), 'utf8'));
    expect(entries).toEqual([{ hashtype: 'sha512', hash: digest('sha512', tarball), file: 'hello-2.12.tar.gz' }]);
    const answer = await fetch(
      lookasidePath(`${distgit.base}/repo/pkgs/${result.repo}`, entries[0] as (typeof entries)[0]),
    );
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(tarball);
  });

  it('is told again, from its record, without another download', async () => {
    const task = distgit.nextTask();
    const first = await distgit.control.import(task, requestFor(srpm, { build: 2 }));
    const hits = distgit.files.hits.length;
    expect(await distgit.control.import(task, requestFor(srpm, { build: 2 }))).toEqual(first);
    expect(distgit.files.hits.length).toBe(hits);
    const other = await distgit.control.import(task, requestFor(srpm, { build: 3 }));
    expect(other).toMatchObject({ status: 409, body: { error: { code: 'TaskMismatch' } } });
  });

  it('of the same SRPM by another task finds nothing to commit', async () => {
    const one = await distgit.imported(requestFor(srpm));
    const two = await distgit.imported(requestFor(srpm, { build: 9 }));
    expect(two.branches).toEqual(one.branches);
  });

  it('gives two projects the same commits and one stored archive', async () => {
    const one = await distgit.imported(requestFor(srpm, { owner: '@team', project: 'hello:pr:1' }));
    const two = await distgit.imported(requestFor(srpm, { owner: 'other', project: 'fork' }));
    expect(two.branches).toEqual(one.branches);
    const stored = join(
      distgit.dir,
      'data',
      'lookaside',
      'store',
      digest('sha512', tarball).slice(0, 2),
      digest('sha512', tarball),
    );
    const linked = join(
      distgit.dir,
      'data/lookaside/pkgs/other/fork/hello/hello-2.12.tar.gz',
      `md5-${digest('md5', tarball)}`,
    );
    expect((await stat(linked)).ino).toBe((await stat(stored)).ino);
  });

  it('of a new version adds a commit, and a branch that comes later shares it', async () => {
    const project = 'history';
    const old = await distgit.imported(requestFor(srpm, { project, branches: ['pebble-12', 'pebble-13'] }));
    const next = await distgit.files.addFile(await makeSrpm(distgit.dir, { name: 'hello', version: '2.13' }));
    const fresh = await distgit.imported(requestFor(next, { project, branches: ['pebble-13', 'pebble-14'] }));
    expect(fresh.branches['pebble-13']).toBe(fresh.branches['pebble-14']);
    const clone = join(distgit.dir, 'clone-history');
    await gitCommand(
      'clone',
      '--quiet',
      '--branch',
      'pebble-14',
      `${distgit.base}/git/demo/${project}/hello.git`,
      clone,
    );
    expect(await gitCommand('-C', clone, 'rev-parse', 'HEAD~1')).toBe(old.branches['pebble-12']);
    expect(await gitCommand('-C', clone, 'rev-parse', 'origin/pebble-12')).toBe(old.branches['pebble-12']);
    expect(await readFile(join(clone, 'sources'), 'utf8')).toBe('');
    const back = await distgit.imported(requestFor(srpm, { project, branches: ['pebble-12', 'pebble-13'] }));
    expect(back.branches['pebble-12']).toBe(old.branches['pebble-12']);
    expect(back.branches['pebble-13']).not.toBe(old.branches['pebble-12']);
  });

  it('runs once for identical requests at the same time, and in turn for one package', async () => {
    const project = 'rush';
    const task = distgit.nextTask();
    const hits = distgit.files.hits.length;
    const same = await Promise.all([1, 2, 3].map(() => distgit.control.import(task, requestFor(srpm, { project }))));
    expect(new Set(same.map((reply) => JSON.stringify(reply))).size).toBe(1);
    expect(distgit.files.hits.length).toBe(hits + 1);
    const versions = await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map(async (version) =>
        distgit.files.addFile(await makeSrpm(distgit.dir, { name: 'many', version })),
      ),
    );
    const replies = await Promise.all(
      versions.map((one) => distgit.control.import(distgit.nextTask(), requestFor(one, { project }))),
    );
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200, 200]);
    const clone = join(distgit.dir, 'clone-rush');
    await gitCommand('clone', '--quiet', `${distgit.base}/git/demo/${project}/many`, clone);
    const history = (await gitCommand('-C', clone, 'rev-list', 'HEAD')).split('\n');
    expect(history.toSorted()).toEqual(
      replies.map((reply) => importResult.parse(reply.body).branches['pebble-13'] ?? '').toSorted(),
    );
  });

  it('can be waited for not at all and be asked for later', async () => {
    const task = distgit.nextTask();
    const first = await distgit.control.import(task, requestFor(srpm, { project: 'later' }), 0);
    expect(first).toMatchObject({ status: 202, body: { state: 'working' } });
    expect(await distgit.control.import(task, requestFor(srpm, { project: 'later' }))).toMatchObject({ status: 200 });
  });

  it('is told in the log of its build', async () => {
    await distgit.imported(requestFor(srpm, { build: 77 }));
    const answer = await fetch(`${distgit.base}/per-task-logs/77.log`);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await answer.text()).toMatch(
      /downloading .*\n.*reading the header\n.*unpacking hello-2\.12-1\n(?:.*\n)*.*import finished\n$/,
    );
  });
});

describe('an SRPM', () => {
  it.each(['w6.xzdio', 'w3.zstdio', 'w9.bzdio', 'w.ufdio'])('may be compressed with %s', async (payload) => {
    const path = await makeSrpm(distgit.dir, {
      name: 'packed',
      release: payload,
      sources: { 'a.zip': tarball },
      payload,
    });
    const result = await distgit.imported(requestFor(await distgit.files.addFile(path), { project: 'packed' }));
    const clone = join(distgit.dir, `packed-${payload}`);
    await gitCommand('clone', '--quiet', `${distgit.base}/git/${result.repo}`, clone);
    expect(parseSources(await readFile(join(clone, 'sources'), 'utf8'))).toMatchObject([
      { hash: digest('sha512', tarball) },
    ]);
  });
});

describe('trouble that is nobody’s fault', () => {
  it.concurrent('is told as retryable, and a repetition tries again', async ({ expect }) => {
    const task = distgit.nextTask();
    const missing = { ...srpm, url: `${distgit.files.base}results/later.src.rpm` };
    const request = requestFor(missing, { build: 200 });
    const first = await distgit.control.import(task, request);
    expect(first).toMatchObject({ status: 503, body: { error: { code: 'SrpmUnavailable' } } });
    distgit.files.files.set('/results/later.src.rpm', await readFile(srpmPath));
    expect(await distgit.control.import(task, request)).toMatchObject({ status: 200 });
  });

  it.concurrent('includes a server that sends us elsewhere', async ({ expect }) => {
    distgit.files.files.set('/results/moved.src.rpm', 302);
    const reply = await distgit.control.import(
      distgit.nextTask(),
      requestFor({ ...srpm, url: `${distgit.files.base}results/moved.src.rpm` }),
    );
    expect(reply).toMatchObject({ status: 503, body: { error: { code: 'SrpmUnavailable' } } });
    expect(distgit.files.hits).not.toContain('/elsewhere');
  });
});

describe('the control API', () => {
  it('answers only callers with a control token', async () => {
    const key = tokenKey(KEY);
    const task = await mintTaskToken(key, { task: taskId(1), dir: 'a' }, 60, systemClock);
    const foreign = await mintControlToken(tokenKey(Buffer.alloc(32, 8)), 'operator', 'distgit', systemClock);
    for (const token of ['', 'x', task, foreign]) {
      const reply = await distgit.control.call('PUT', `/imports/${distgit.nextTask()}`, requestFor(srpm), token);
      expect(reply).toMatchObject({ status: 401, body: { error: { code: 'InvalidToken' } } });
      expect((await distgit.control.call('DELETE', '/projects/demo/hello', undefined, token)).status).toBe(401);
    }
  });

  it.each([
    ['a task that is a path', 'PUT', '/imports/..%2f..%2fx', {}, 400],
    ['no body', 'PUT', `/imports/${taskId(900)}`, undefined, 400],
    ['an unknown field', 'PUT', `/imports/${taskId(900)}`, { owner: 'demo', x: 1 }, 400],
    ['a wait that is no number', 'PUT', `/imports/${taskId(900)}?wait=long`, {}, 400],
    ['another method', 'GET', `/imports/${taskId(900)}`, undefined, 405],
    ['another path', 'GET', '/nothing', undefined, 404],
    ['a project that is a path', 'DELETE', '/projects/demo/..%2f..', undefined, 422],
    ['an owner that is a path', 'DELETE', '/projects/%2e%2e/git', undefined, 404],
  ])('refuses %s', async (_what, method, path, body, status) => {
    expect((await distgit.control.call(method, path, body)).status).toBe(status);
  });

  it.each([
    ['owner', { owner: '..' }],
    ['project', { project: 'a/b' }],
    ['branch', { branches: ['a..b'] }],
    ['branch', { branches: ['x.lock'] }],
  ])('refuses an unusable %s', async (_what, change) => {
    const reply = await distgit.control.import(distgit.nextTask(), requestFor(srpm, change));
    expect(reply).toMatchObject({ status: 422, body: { error: { code: 'InvalidName' } } });
  });

  it('removes a project, again and again, and it can be imported anew', async () => {
    const request = requestFor(srpm, { owner: 'gone', project: 'p' });
    const first = await distgit.imported(request);
    expect((await distgit.control.deleteProject('gone', 'p')).status).toBe(204);
    expect((await distgit.control.deleteProject('gone', 'p')).status).toBe(204);
    expect(await readdir(join(distgit.dir, 'data', 'git'))).not.toContain('gone');
    expect(await readdir(join(distgit.dir, 'data', 'trash'))).toEqual([]);
    await expect(gitCommand('ls-remote', `${distgit.base}/git/gone/p/hello`)).rejects.toThrow(/not found|404/);
    expect((await distgit.imported(request)).branches).toEqual(first.branches);
  });
});

describe('the health port', () => {
  it('tells of imports', async () => {
    const health = `http://127.0.0.1:${distgit.service.metricsPort}`;
    expect((await fetch(`${health}/readyz`)).status).toBe(200);
    const text = await fetchMetrics(distgit.service.metricsPort);
    expect(text).toMatch(/kopr_distgit_imports_total\{outcome="done",code=""\} [1-9]/);
    expect(text).toMatch(/kopr_distgit_imports_total\{outcome="failed",code="SrpmUnavailable"\} [1-9]/);
    expect(text).toMatch(/kopr_distgit_lookaside_bytes_total\{kind="deduplicated"\} [1-9]/);
  });
});
