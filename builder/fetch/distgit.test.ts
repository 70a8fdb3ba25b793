import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ImportResult } from '../../lib/protocol/distgit.ts';
import type { TaskDocument } from '../../lib/protocol/task.ts';
import { temporaryDirectory, tool } from '../testing/context.ts';
import type { DistgitProcess } from '../testing/distgit-process.ts';
import { startDistgit } from '../testing/distgit-process.ts';
import { smartGit } from '../testing/git-server.ts';
import { binaryTask, sourceTask } from '../testing/tasks.ts';
import type { Handler, WebServer } from '../testing/web-server.ts';
import { startWebServer } from '../testing/web-server.ts';

/** fetch against the distgit that asks for a token: both the real programs. */

const SPEC = `Name: hello
Version: 1
Release: 1
Summary: s
License: MIT
Source0: a.tar.gz
%description
`;

const ARCHIVE = 'what the archive holds';

let shared: Awaited<ReturnType<typeof temporaryDirectory>>;
let root: Awaited<ReturnType<typeof temporaryDirectory>>;
let distgit: DistgitProcess;
let imported: ImportResult;
/** Another server, and what it was shown. */
let other: WebServer;
let answer: Handler;
let shown: (string | undefined)[];

const path = (...names: string[]): string => join(root.path, ...names);

beforeAll(async () => {
  shared = await temporaryDirectory();
  await mkdir(join(shared.path, 'SOURCES'));
  await writeFile(join(shared.path, 'SOURCES', 'a.tar.gz'), ARCHIVE);
  await writeFile(join(shared.path, 'hello.spec'), SPEC);
  await tool(shared.path, 'rpmbuild', '-bs', '--define', `_topdir ${shared.path}`, 'hello.spec');
  distgit = await startDistgit(join(shared.path, 'distgit'));
  imported = await distgit.import(join(shared.path, 'SRPMS', 'hello-1-1.src.rpm'));
  other = await startWebServer((request, response) => {
    shown.push(request.headers.authorization);
    return answer(request, response);
  });
});
afterAll(async () => {
  await other?.stop();
  await distgit?.stop();
  await shared?.remove();
});
beforeEach(async () => {
  root = await temporaryDirectory();
  shown = [];
  answer = (_request, response) => void response.writeHead(404).end();
  for (const name of ['work', 'results', 'control', 'tmp']) await mkdir(path(name));
});
afterEach(() => root.remove());

function binary(change: { repoURL?: string; lookasideURL?: string; commit?: string } = {}): TaskDocument {
  return binaryTask({
    repoURL: `${distgit.url}/git/demo/hello/hello`,
    lookasideURL: `${distgit.url}/repo/pkgs/demo/hello/hello`,
    commit: imported.branches['pebble-13'] ?? '',
    ...change,
  });
}

interface Run {
  code: number | null;
  /** Everything that the process has printed. */
  output: string;
}

async function fetchWith(token: string | undefined, task: TaskDocument = binary()): Promise<Run> {
  await writeFile(path('task.json'), JSON.stringify(task));
  await mkdir(path('source-token'), { recursive: true });
  if (token !== undefined) await writeFile(path('source-token', 'token'), token);
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts'), 'fetch'], {
    env: {
      PATH: process.env.PATH,
      TMPDIR: path('tmp'),
      KOPR_LOG_LEVEL: 'trace',
      KOPR_TASK_FILE: path('task.json'),
      KOPR_SOURCE_TOKEN_FILE: path('source-token', 'token'),
      KOPR_WORK_DIR: path('work'),
      KOPR_RESULTS_DIR: path('results'),
      KOPR_CONTROL_DIR: path('control'),
      KOPR_ENGINES_DIR: join(import.meta.dirname, '..', 'engines'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}

const log = (): Promise<string> => readFile(path('results', 'builder-live.log'), 'utf8');

/** Files of the volumes that the next containers get, in which the text is. */
async function leftIn(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const volume of ['work', 'results', 'control', 'tmp']) {
    for (const entry of await readdir(path(volume), { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && (await readFile(file)).includes(text)) found.push(file);
    }
  }
  return found;
}

describe('fetch shows distgit its token', () => {
  it('and gets git and the cached files, and leaves it nowhere', async () => {
    const token = await distgit.token('demo/hello/hello');
    const { code, output } = await fetchWith(`${token}\n`);
    expect(code, output + (await log())).toBe(0);
    expect(await readFile(path('work', 'sources', 'hello.spec'), 'utf8')).toBe(SPEC);
    expect(await readFile(path('work', 'sources', 'a.tar.gz'), 'utf8')).toBe(ARCHIVE);
    expect(await readdir(path('results'))).toEqual(['builder-live.log']);
    // The signature alone is the secret; the rest of the token would tell that it was there.
    for (const part of token.split('.')) {
      expect(output).not.toContain(part);
      expect(await leftIn(part)).toEqual([]);
    }
    // The search does find what is there.
    expect(await leftIn(ARCHIVE)).toEqual([path('work', 'sources', 'a.tar.gz')]);
  });

  it.each([
    ['none', async () => undefined, /could not read Username|Authentication failed/],
    ['one of another package', () => distgit.token('demo/hello/other'), /is for demo\/hello\/other/],
    [
      'one that has expired',
      () => distgit.token('demo/hello/hello', -3600),
      /could not read Username|Authentication failed/,
    ],
  ])('and blames nobody when it has %s', async (_what, mint, why) => {
    const token = await mint();
    const { code, output } = await fetchWith(token);
    expect(code).toBe(1);
    expect(await readdir(path('results'))).toEqual(['builder-live.log']);
    const sentence = `distgit does not let this pod read ${distgit.url}/git/demo/hello/hello: `;
    expect(output).toContain(sentence);
    expect(await log()).toContain(`kopr: ${sentence}`);
    expect(await log()).toMatch(why);
    expect(await log()).not.toContain('trying again');
    for (const part of token?.split('.') ?? []) expect(output + (await log())).not.toContain(part);
  });

  it.each(['', 'two words', 'a\nb'])('and does not ask when the file holds %j', async (content) => {
    const { code, output } = await fetchWith(content);
    expect(code).toBe(1);
    expect(output).toContain('source-token/token must hold a bearer token and nothing else');
    expect(await log()).not.toContain('cloning');
  });

  it.each([401, 403, 410])('and takes status %i for a refusal of the cached files, too', async (status) => {
    answer = (_request, response) => void response.writeHead(status).end();
    const token = await distgit.token('demo/hello/hello');
    const { code, output } = await fetchWith(
      token,
      binary({ lookasideURL: `${other.url}/repo/pkgs/demo/hello/hello` }),
    );
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`does not let this pod read .*/git/demo/hello/hello: .* status ${status}`));
    expect(await readdir(path('results'))).toEqual(['builder-live.log']);
    expect(shown).toEqual([`Bearer ${token}`]);
  });
});

describe('fetch shows the token to no other server', () => {
  it('that a cached file is said to be at', async () => {
    const elsewhere = await startWebServer((_request, response) => {
      response.writeHead(302, { location: `${other.url}/a.tar.gz` }).end();
    });
    answer = (_request, response) => void response.end(ARCHIVE);
    const { code } = await fetchWith(await distgit.token('demo/hello/hello'), binary({ lookasideURL: elsewhere.url }));
    await elsewhere.stop();
    expect(code).toBe(0);
    expect(shown).toEqual([undefined]);
  });

  it('that a repository is said to be at', async () => {
    const elsewhere = await startWebServer((request, response) => {
      response.writeHead(302, { location: `${other.url}${request.url}` }).end();
    });
    const task = { ...binary({ repoURL: `${elsewhere.url}/git/demo/hello/hello` }), timeoutSeconds: 4 };
    await fetchWith(await distgit.token('demo/hello/hello'), task);
    await elsewhere.stop();
    expect(elsewhere.requests.length).toBeGreaterThan(0);
    expect(other.requests.filter((line) => line.includes('/git/'))).toEqual([]);
  });

  it('that a source stage asks', async () => {
    await tool(root.path, 'git', 'init', '-q', 'tree');
    await writeFile(path('tree', 'hello.spec'), SPEC);
    await tool(path('tree'), 'git', 'add', '.');
    await tool(path('tree'), 'git', 'commit', '-qm', 'x');
    await tool(root.path, 'git', 'clone', '-q', '--bare', 'tree', 'git/hello');
    answer = (request, response) => smartGit(path('git'), request, response);
    const { code } = await fetchWith('a-token', sourceTask({ git: { url: `${other.url}/hello` } }));
    expect(code).toBe(0);
    expect(new Set(shown)).toEqual(new Set([undefined]));
  });
});
