import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { lookasidePath, parseSources } from '../../lib/lookaside/sources.ts';
import { type ImportRequest, type ImportResult, importResult } from '../../lib/protocol/distgit.ts';
import { mintControlToken, mintTaskToken, tokenKey } from '../../lib/protocol/token.ts';
import { loadConfig } from './config.ts';
import { type Service, startService } from './service.ts';
import {
  ControlClient,
  FileServer,
  gitCommand,
  KEY,
  removeDir,
  scratchDir,
  taskId,
  writeKey,
} from './testing/harness.ts';
import { makeCpio, makeSrpm, withPayload } from './testing/srpm.ts';

const tarball = Buffer.concat([Buffer.from('not really a tarball \0'), Buffer.alloc(200_000, 'x')]);
const digest = (kind: string, content: Buffer): string => createHash(kind).update(content).digest('hex');

let dir: string;
let files: FileServer;
let service: Service;
let control: ControlClient;
let base: string;
let srpm: ImportRequest['srpm'];
let srpmPath: string;
let tasks = 0;

const nextTask = (): string => taskId(++tasks);
const requestFor = (one: ImportRequest['srpm'], change: Partial<ImportRequest> = {}): ImportRequest => ({
  owner: 'demo',
  project: 'hello',
  build: 1,
  srpm: one,
  branches: ['pebble-13', 'pebble-12'],
  ...change,
});

async function imported(request: ImportRequest): Promise<ImportResult> {
  const reply = await control.import(nextTask(), request);
  expect(reply).toMatchObject({ status: 200 });
  return importResult.parse(reply.body);
}

beforeAll(async () => {
  dir = await scratchDir();
  files = new FileServer();
  await files.start();
  const config = loadConfig({
    KOPR_DATA_DIR: join(dir, 'data'),
    KOPR_HTTP_PORT: '0',
    KOPR_CONTROL_PORT: '0',
    KOPR_METRICS_PORT: '0',
    KOPR_TOKEN_KEY_FILE: await writeKey(dir),
    KOPR_SRPM_ORIGINS: `${files.base}results`,
    KOPR_MAX_SRPM_BYTES: '20000000',
    KOPR_MAX_UNPACKED_BYTES: '30000000',
  });
  service = await startService(config, systemClock, pino({ level: 'silent' }));
  control = new ControlClient(service.controlPort);
  base = `http://127.0.0.1:${service.httpPort}`;
  srpmPath = await makeSrpm(dir, {
    name: 'hello',
    version: '2.12',
    epoch: 3,
    sources: { 'hello-2.12.tar.gz': tarball, 'fix.patch': '--- a\n+++ b\n', 'run.sh': '#!/bin/sh\n' },
    preamble: ['BuildArch: noarch', 'ExclusiveArch: x86_64 i386', 'ExcludeArch: s390x'],
  });
  srpm = await files.addFile(srpmPath);
});

afterAll(async () => {
  await service.stop();
  await files.stop();
  await removeDir(dir);
});

describe('an import', () => {
  it('puts text into git on every branch and archives into the lookaside cache', async () => {
    const result = await imported(requestFor(srpm));
    expect(result).toMatchObject({
      package: { name: 'hello', epoch: 3, version: '2.12', release: '1' },
      repo: 'demo/hello/hello',
      exclusiveArch: ['x86_64', 'i386'],
      excludeArch: ['s390x'],
      buildArchs: ['noarch'],
    });
    expect(result.branches['pebble-13']).toBe(result.branches['pebble-12']);
    const clone = join(dir, 'clone-1');
    await gitCommand('clone', '--quiet', `${base}/git/${result.repo}`, clone);
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
    const answer = await fetch(lookasidePath(`${base}/repo/pkgs/${result.repo}`, entries[0] as (typeof entries)[0]));
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(tarball);
  });

  it('is told again, from its record, without another download', async () => {
    const task = nextTask();
    const first = await control.import(task, requestFor(srpm, { build: 2 }));
    const hits = files.hits.length;
    expect(await control.import(task, requestFor(srpm, { build: 2 }))).toEqual(first);
    expect(files.hits.length).toBe(hits);
    const other = await control.import(task, requestFor(srpm, { build: 3 }));
    expect(other).toMatchObject({ status: 409, body: { error: { code: 'TaskMismatch' } } });
  });

  it('of the same SRPM by another task finds nothing to commit', async () => {
    const one = await imported(requestFor(srpm));
    const two = await imported(requestFor(srpm, { build: 9 }));
    expect(two.branches).toEqual(one.branches);
  });

  it('gives two projects the same commits and one stored archive', async () => {
    const one = await imported(requestFor(srpm, { owner: '@team', project: 'hello:pr:1' }));
    const two = await imported(requestFor(srpm, { owner: 'other', project: 'fork' }));
    expect(two.branches).toEqual(one.branches);
    const stored = join(
      dir,
      'data',
      'lookaside',
      'store',
      digest('sha512', tarball).slice(0, 2),
      digest('sha512', tarball),
    );
    const linked = join(dir, 'data/lookaside/pkgs/other/fork/hello/hello-2.12.tar.gz', `md5-${digest('md5', tarball)}`);
    expect((await stat(linked)).ino).toBe((await stat(stored)).ino);
  });

  it('of a new version adds a commit, and a branch that comes later shares it', async () => {
    const project = 'history';
    const old = await imported(requestFor(srpm, { project, branches: ['pebble-12', 'pebble-13'] }));
    const next = await files.addFile(await makeSrpm(dir, { name: 'hello', version: '2.13' }));
    const fresh = await imported(requestFor(next, { project, branches: ['pebble-13', 'pebble-14'] }));
    expect(fresh.branches['pebble-13']).toBe(fresh.branches['pebble-14']);
    const clone = join(dir, 'clone-history');
    await gitCommand('clone', '--quiet', '--branch', 'pebble-14', `${base}/git/demo/${project}/hello.git`, clone);
    expect(await gitCommand('-C', clone, 'rev-parse', 'HEAD~1')).toBe(old.branches['pebble-12']);
    expect(await gitCommand('-C', clone, 'rev-parse', 'origin/pebble-12')).toBe(old.branches['pebble-12']);
    expect(await readFile(join(clone, 'sources'), 'utf8')).toBe('');
    const back = await imported(requestFor(srpm, { project, branches: ['pebble-12', 'pebble-13'] }));
    expect(back.branches['pebble-12']).toBe(old.branches['pebble-12']);
    expect(back.branches['pebble-13']).not.toBe(old.branches['pebble-12']);
  });

  it('runs once for identical requests at the same time, and in turn for one package', async () => {
    const project = 'rush';
    const task = nextTask();
    const hits = files.hits.length;
    const same = await Promise.all([1, 2, 3].map(() => control.import(task, requestFor(srpm, { project }))));
    expect(new Set(same.map((reply) => JSON.stringify(reply))).size).toBe(1);
    expect(files.hits.length).toBe(hits + 1);
    const versions = await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map(async (version) =>
        files.addFile(await makeSrpm(dir, { name: 'many', version })),
      ),
    );
    const replies = await Promise.all(versions.map((one) => control.import(nextTask(), requestFor(one, { project }))));
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200, 200]);
    const clone = join(dir, 'clone-rush');
    await gitCommand('clone', '--quiet', `${base}/git/demo/${project}/many`, clone);
    const history = (await gitCommand('-C', clone, 'rev-list', 'HEAD')).split('\n');
    expect(history.toSorted()).toEqual(
      replies.map((reply) => importResult.parse(reply.body).branches['pebble-13']).toSorted(),
    );
  });

  it('can be waited for not at all and be asked for later', async () => {
    const task = nextTask();
    const first = await control.import(task, requestFor(srpm, { project: 'later' }), 0);
    expect(first).toMatchObject({ status: 202, body: { state: 'working' } });
    expect(await control.import(task, requestFor(srpm, { project: 'later' }))).toMatchObject({ status: 200 });
  });

  it('is told in the log of its build', async () => {
    await imported(requestFor(srpm, { build: 77 }));
    const answer = await fetch(`${base}/per-task-logs/77.log`);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await answer.text()).toMatch(
      /downloading .*\n.*reading the header\n.*unpacking hello-2\.12-1\n(?:.*\n)*.*import finished\n$/,
    );
  });
});

describe('a bad SRPM', () => {
  async function refusal(request: ImportRequest): Promise<unknown> {
    const task = nextTask();
    const reply = await control.import(task, request);
    expect(reply.status).toBe(422);
    expect(await control.import(task, request)).toEqual(reply);
    const { error } = reply.body as { error: { code: string; message: string } };
    expect(error.message).not.toContain(dir);
    const log = await (await fetch(`${base}/per-task-logs/${request.build}.log`)).text();
    expect(log).toContain(`import refused: ${error.code}: `);
    return error.code;
  }

  it.each([
    ['text', Buffer.from('http://files.example/other.rpm\n'), 'NotAnRpm'],
    ['nothing', Buffer.alloc(0), 'NotAnRpm'],
    [
      'the mark of an RPM and noise',
      Buffer.concat([Buffer.from('edabeedb', 'hex'), Buffer.alloc(5000, 3)]),
      'NotAnRpm',
    ],
  ])('that is %s is refused', async (_what, content, code) => {
    expect(await refusal(requestFor(files.add(content), { build: 100 }))).toBe(code);
  });

  it('that breaks off is refused', async () => {
    const whole = await readFile(srpmPath);
    expect(await refusal(requestFor(files.add(whole.subarray(0, whole.length - 40)), { build: 101 }))).toBe(
      'BadPayload',
    );
    expect(await refusal(requestFor(files.add(whole.subarray(0, 600)), { build: 101 }))).toBe('NotAnRpm');
  });

  it('with another digest or size than announced is refused', async () => {
    const wrong = { ...srpm, sha256: '0'.repeat(64) };
    const codes = await Promise.all([
      refusal(requestFor(wrong, { build: 102 })),
      refusal(requestFor({ ...srpm, size: srpm.size - 1 }, { build: 102 })),
      refusal(requestFor({ ...srpm, size: 20_000_001 }, { build: 102 })),
    ]);
    expect(codes).toEqual(['WrongDigest', 'WrongDigest', 'SrpmTooLarge']);
  });

  it('from a place that is not allowed is refused before any request', async () => {
    const hits = files.hits.length;
    for (const url of [
      `${files.base}secret/a.src.rpm`,
      `${files.base}results/../secret/a.src.rpm`,
      `${files.base}results/%2e%2e/secret/a.src.rpm`,
      `${files.base}results/..%2fsecret/a.src.rpm`,
      `${files.base}resultsx/a.src.rpm`,
      'file:///etc/passwd',
      'not a URL',
    ]) {
      expect(await refusal(requestFor({ ...srpm, url }, { build: 103 }))).toBe('OriginNotAllowed');
    }
    expect(files.hits.length).toBe(hits);
  });

  const spec = { name: 'hello.spec', content: 'Name: hello\n' };
  it.each([
    ['a path upwards', [spec, { name: '../../evil' }], 'BadFileName'],
    ['an absolute path', [spec, { name: '/etc/cron.d/evil' }], 'BadFileName'],
    ['a directory part', [spec, { name: 'a/b' }], 'BadFileName'],
    ['a git directory', [spec, { name: '.git' }], 'BadFileName'],
    ['git attributes', [spec, { name: '.gitattributes' }], 'BadFileName'],
    ['a line break in a name', [spec, { name: 'a\nb' }], 'BadFileName'],
    ['an option as name', [spec, { name: '--upload-pack=x' }], 'BadFileName'],
    ['an empty name', [spec, { name: '' }], 'BadFileName'],
    ['a symbolic link', [spec, { name: 'link', content: '/etc/passwd', mode: 0o120777 }], 'BadFileType'],
    ['a hard link', [spec, { name: 'link', links: 2 }], 'BadFileType'],
    ['a directory', [spec, { name: 'dir', mode: 0o040755 }], 'BadFileType'],
    ['a device', [spec, { name: 'null', mode: 0o020666 }], 'BadFileType'],
    ['one name twice', [spec, { name: 'a' }, { name: './a' }], 'NameClash'],
    ['a file named sources', [spec, { name: 'sources' }], 'NameClash'],
    ['no spec', [{ name: 'a.tar.gz' }], 'NoSpec'],
    ['a bomb', [spec, { name: 'zeros', content: Buffer.alloc(31_000_000) }], 'UnpackedTooLarge'],
  ])('with %s is refused and leaves nothing behind', async (_what, members, code) => {
    const one = files.add(await withPayload(srpmPath, makeCpio(members)));
    expect(await refusal(requestFor(one, { owner: 'evil', project: 'p', build: 104 }))).toBe(code);
    expect(await readdir(join(dir, 'data', 'git'))).not.toContain('evil');
    expect(await readdir(join(dir, 'data', 'tmp'))).toEqual([]);
  });

  it('with several specs, none named as the package, is refused', async () => {
    const path = await makeSrpm(dir, { name: 'two', spec: 'first.spec', sources: { 'second.spec': 'x' } });
    expect(await refusal(requestFor(await files.addFile(path), { build: 105 }))).toBe('AmbiguousSpec');
    const fine = await makeSrpm(dir, { name: 'one', spec: 'other.spec' });
    await imported(requestFor(await files.addFile(fine)));
  });
});

describe('trouble that is nobody’s fault', () => {
  it.concurrent('is told as retryable, and a repetition tries again', async ({ expect }) => {
    const task = nextTask();
    const missing = { ...srpm, url: `${files.base}results/later.src.rpm` };
    const request = requestFor(missing, { build: 200 });
    const first = await control.import(task, request);
    expect(first).toMatchObject({ status: 503, body: { error: { code: 'SrpmUnavailable' } } });
    files.files.set('/results/later.src.rpm', await readFile(srpmPath));
    expect(await control.import(task, request)).toMatchObject({ status: 200 });
  });

  it.concurrent('includes a server that sends us elsewhere', async ({ expect }) => {
    files.files.set('/results/moved.src.rpm', 302);
    const reply = await control.import(nextTask(), requestFor({ ...srpm, url: `${files.base}results/moved.src.rpm` }));
    expect(reply).toMatchObject({ status: 503, body: { error: { code: 'SrpmUnavailable' } } });
    expect(files.hits).not.toContain('/elsewhere');
  });
});

describe('the control API', () => {
  it('answers only callers with a control token', async () => {
    const key = tokenKey(KEY);
    const task = await mintTaskToken(key, { task: taskId(1), dir: 'a' }, 60, systemClock);
    const foreign = await mintControlToken(tokenKey(Buffer.alloc(32, 8)), 'operator', systemClock);
    for (const token of ['', 'x', task, foreign]) {
      const reply = await control.call('PUT', `/imports/${nextTask()}`, requestFor(srpm), token);
      expect(reply).toMatchObject({ status: 401, body: { error: { code: 'InvalidToken' } } });
      expect((await control.call('DELETE', '/projects/demo/hello', undefined, token)).status).toBe(401);
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
    expect((await control.call(method, path, body)).status).toBe(status);
  });

  it.each([
    ['owner', { owner: '..' }],
    ['project', { project: 'a/b' }],
    ['branch', { branches: ['a..b'] }],
    ['branch', { branches: ['x.lock'] }],
  ])('refuses an unusable %s', async (_what, change) => {
    const reply = await control.import(nextTask(), requestFor(srpm, change));
    expect(reply).toMatchObject({ status: 422, body: { error: { code: 'InvalidName' } } });
  });

  it('removes a project, again and again, and it can be imported anew', async () => {
    const request = requestFor(srpm, { owner: 'gone', project: 'p' });
    const first = await imported(request);
    expect((await control.deleteProject('gone', 'p')).status).toBe(204);
    expect((await control.deleteProject('gone', 'p')).status).toBe(204);
    expect(await readdir(join(dir, 'data', 'git'))).not.toContain('gone');
    expect(await readdir(join(dir, 'data', 'trash'))).toEqual([]);
    await expect(gitCommand('ls-remote', `${base}/git/gone/p/hello`)).rejects.toThrow(/not found|404/);
    expect((await imported(request)).branches).toEqual(first.branches);
  });
});

describe('the health port', () => {
  it('tells of imports', async () => {
    const health = `http://127.0.0.1:${service.metricsPort}`;
    expect((await fetch(`${health}/readyz`)).status).toBe(200);
    const text = await (await fetch(`${health}/metrics`)).text();
    expect(text).toMatch(/kopr_distgit_imports_total\{outcome="done",code=""\} [1-9]/);
    expect(text).toMatch(/kopr_distgit_imports_total\{outcome="refused",code="NotAnRpm"\} [1-9]/);
    expect(text).toMatch(/kopr_distgit_lookaside_bytes_total\{kind="deduplicated"\} [1-9]/);
  });
});
