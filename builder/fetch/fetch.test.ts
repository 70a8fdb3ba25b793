import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TaskDocument } from '../../lib/protocol/task.ts';
import { temporaryDirectory, tool } from '../testing/context.ts';
import { smartGit } from '../testing/git-server.ts';
import { binaryTask, sourceTask } from '../testing/tasks.ts';
import type { Handler, WebServer } from '../testing/web-server.ts';
import { startWebServer } from '../testing/web-server.ts';

/** The program itself, as a container runs it, against real servers. */

let root: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: WebServer;
let lookaside: Handler;
let commit: string;

const path = (...names: string[]): string => join(root.path, ...names);
const sha512 = (text: string): string => createHash('sha512').update(text).digest('hex');

beforeEach(async () => {
  root = await temporaryDirectory();
  for (const name of ['work', 'results', 'control', 'git', 'engines']) await mkdir(path(name));
  await mkdir(path('engines', 'container'));
  for (const name of ['engine.sh', 'part.sh']) await writeFile(path('engines', 'container', name), '#!/bin/sh\n');
  lookaside = (request, response) => void response.end(request.url?.endsWith('/a.tar.gz') ? 'archive' : 'other');
  server = await startWebServer((request, response) =>
    request.url?.startsWith('/repo/') ? lookaside(request, response) : smartGit(path('git'), request, response),
  );
  commit = await repository({ 'hello.spec': 'spec', sources: `SHA512 (a.tar.gz) = ${sha512('archive')}\n` });
});
afterEach(async () => {
  await server.stop();
  await root.remove();
});

async function repository(files: Record<string, string>): Promise<string> {
  await tool(root.path, 'rm', '-rf', 'tree', 'git/hello');
  await tool(root.path, 'git', 'init', '-q', 'tree');
  for (const [name, text] of Object.entries(files)) await writeFile(path('tree', name), text);
  await tool(path('tree'), 'git', 'add', '.');
  await tool(path('tree'), 'git', 'commit', '-qm', 'import');
  await tool(root.path, 'git', 'clone', '-q', '--bare', 'tree', 'git/hello');
  return tool(path('tree'), 'git', 'rev-parse', 'HEAD');
}

const binary = (): TaskDocument =>
  binaryTask({ repoURL: `${server.url}/hello`, commit, lookasideURL: `${server.url}/repo/pkgs/demo/hello/hello` });

async function run(task: TaskDocument | string, command = 'fetch'): Promise<number | null> {
  await writeFile(path('task.json'), typeof task === 'string' ? task : JSON.stringify(task));
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts'), command], {
    env: {
      PATH: process.env.PATH,
      KOPR_LOG_LEVEL: 'warn',
      KOPR_TASK_FILE: path('task.json'),
      KOPR_WORK_DIR: path('work'),
      KOPR_RESULTS_DIR: path('results'),
      KOPR_CONTROL_DIR: path('control'),
      KOPR_ENGINES_DIR: path('engines'),
      KOPR_UPLOAD_SECONDS: '5',
    },
    stdio: 'ignore',
  });
  return new Promise((resolve) => child.on('exit', resolve));
}

const verdict = async (): Promise<unknown> => JSON.parse(await readFile(path('results', 'verdict.json'), 'utf8'));
const log = (): Promise<string> => readFile(path('results', 'builder-live.log'), 'utf8');

describe('fetch, for a binary stage', () => {
  it('leaves sources, plan and engine, and no verdict', async () => {
    expect(await run(binary())).toBe(0);
    expect(await readdir(path('results'))).toEqual(['builder-live.log']);
    expect(await readFile(path('work', 'sources', 'a.tar.gz'), 'utf8')).toBe('archive');
    expect(await readFile(path('work', 'plan', 'spec'), 'utf8')).toBe('hello.spec\n');
    expect(await readFile(path('work', 'plan', 'dnf.conf'), 'utf8')).toContain(`cachedir=${path('work')}/dnf-cache`);
    expect(await readdir(path('work', 'plan'))).toEqual(expect.arrayContaining(['engine.sh', 'part.sh']));
    expect(await log()).toMatch(
      /kopr: phase fetch\n.*kopr: checked out commit [0-9a-f]{40}\n.*kopr: downloaded 7 bytes\n/s,
    );
  });

  it('takes the spec file that is named after the package, whatever others there are', async () => {
    commit = await repository({ 'a.spec': '', 'hello.spec': '', 'z.spec': '' });
    expect(await run(binary())).toBe(0);
    expect(await readFile(path('work', 'plan', 'spec'), 'utf8')).toBe('hello.spec\n');
  });

  it('may be run again over what an earlier run has left', async () => {
    await run(binary());
    await writeFile(path('work', 'plan', 'stale'), '');
    expect(await run(binary())).toBe(0);
    expect(await readdir(path('work', 'plan'))).not.toContain('stale');
  });

  it.each([
    [
      'a source that was changed',
      { 'h.spec': '', sources: `SHA512 (a.tar.gz) = ${sha512('other')}\n` },
      'SourceDigestMismatch',
      /digest/,
    ],
    ['no spec file', { sources: '' }, 'SpecNotFound', /the SRPM contains no spec file/],
    [
      "two spec files of which none is the package's",
      { 'b.spec': '', 'a.spec': '' },
      'SpecNotFound',
      /the SRPM has several spec files \(a.spec, b.spec\); name the right one hello.spec/,
    ],
    ['a sources file that is none', { 'a.spec': '', sources: 'x y z' }, 'BadSourcesFile', /line 1/],
    [
      'a source that git has too',
      { 'a.spec': '', 'a.tar.gz': '', sources: `SHA512 (a.tar.gz) = ${sha512('archive')}\n` },
      'BadSourcesFile',
      /both/,
    ],
  ])('ends the task for %s', async (_what, files: Record<string, string>, reason, message) => {
    commit = await repository(files);
    expect(await run(binary())).toBe(0);
    expect(await verdict()).toMatchObject({ outcome: 'failed', reason, message: expect.stringMatching(message) });
    expect(await log()).toMatch(message);
  });

  it('ends the task for a commit that is not there', async () => {
    commit = 'f'.repeat(40);
    expect(await run(binary())).toBe(0);
    expect(await verdict()).toMatchObject({ reason: 'GitReferenceNotFound' });
  });

  it('ends the task for a document that is wrong, naming the field', async () => {
    expect(await run(JSON.stringify({ ...binary(), build: 'seven' }))).toBe(0);
    expect(await verdict()).toMatchObject({ reason: 'InvalidTask', message: expect.stringContaining('"build"') });
  });

  it('ends the task when its time is up', async () => {
    lookaside = () => {};
    expect(await run({ ...binary(), timeoutSeconds: 1 })).toBe(0);
    expect(await verdict()).toMatchObject({ reason: 'TimedOut', exitCode: 124 });
  });

  it('does nothing when the task has a verdict', async () => {
    await writeFile(path('results', 'verdict.json'), '{"outcome":"failed","reason":"X","message":"","exitCode":1}');
    expect(await run(binary())).toBe(0);
    expect(await readdir(path('work'))).toEqual([]);
  });
});

describe('fetch and srpm, for a source stage', () => {
  const spec = 'Name: s\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\n%description\n';

  it('make an SRPM of a repository, and wait for its upload', async () => {
    await repository({ 's.spec': spec, 'README.md': '' });
    const task = sourceTask({ git: { url: `${server.url}/hello` } });
    expect(await run(task)).toBe(0);
    const upload = setInterval(() => {
      verdict().then(
        () => writeFile(path('control', 'uploaded'), ''),
        () => undefined,
      );
    }, 50);
    expect(await run(task, 'srpm')).toBe(0);
    clearInterval(upload);
    expect(await verdict()).toMatchObject({ outcome: 'succeeded', reason: 'Succeeded' });
    expect((await readdir(path('results'))).sort()).toEqual([
      'builder-live.log',
      's-1-1.src.rpm',
      's.spec',
      'verdict.json',
    ]);
  });

  it('take the very file that was uploaded, and no other', async () => {
    lookaside = (_request, response) => void response.end(spec);
    const sha256 = createHash('sha256').update(spec).digest('hex');
    const upload = { url: `${server.url}/repo/tmp/s.spec`, name: 's.spec', size: spec.length, sha256 };
    expect(await run(sourceTask({ upload }))).toBe(0);
    expect(await readFile(path('work', 'sources', 's.spec'), 'utf8')).toBe(spec);
    expect(await readdir(path('results'))).toEqual(['builder-live.log']);
    expect(await run(sourceTask({ upload: { ...upload, size: 1 } }))).toBe(0);
    expect(await verdict()).toMatchObject({ outcome: 'failed', reason: 'SourceDigestMismatch' });
  });

  it('end with a verdict when the link does not answer, and srpm does not touch it', async () => {
    const task = sourceTask({ link: { url: `${server.url}/repo/x.spec` } });
    lookaside = (_request, response) => void response.writeHead(404).end();
    expect(await run(task)).toBe(0);
    await writeFile(path('control', 'uploaded'), '');
    expect(await run(task, 'srpm')).toBe(0);
    expect(await verdict()).toMatchObject({
      reason: 'SourceFetchFailed',
      message: expect.stringContaining('status 404'),
    });
  });

  it('srpm ends with 1 when its results are refused', async () => {
    await repository({ 's.spec': 'no spec' });
    const task = sourceTask({ git: { url: `${server.url}/hello` } });
    await run(task);
    await writeFile(path('control', 'refused'), '');
    expect(await run(task, 'srpm')).toBe(1);
    expect(await verdict()).toMatchObject({ reason: 'SpecInvalid' });
  });

  it.each([
    ['no method', {}],
    ['two methods', { link: { url: 'http://x/y.spec' }, git: { url: 'http://x/y' } }],
  ])('refuse a task with %s', async (_what, source) => {
    expect(await run(sourceTask(source))).toBe(0);
    expect(await verdict()).toMatchObject({ reason: 'InvalidTask', message: expect.stringContaining('exactly one') });
  });
});
