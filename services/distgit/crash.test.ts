import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { type ImportRequest, importResult } from '../../lib/protocol/distgit.ts';
import { type RunningProcess, startProcess } from '../../lib/testing/process.ts';
import { ControlClient, FileServer, gitCommand, removeDir, scratchDir, taskId, writeKey } from './testing/harness.ts';
import { makeSrpm } from './testing/srpm.ts';

const main = join(import.meta.dirname, 'main.ts');

interface Distgit extends RunningProcess {
  control: ControlClient;
  httpPort: number;
}

let dir: string;
let keyFile: string;
let files: FileServer;
let requests: [ImportRequest, ImportRequest];
/** What an undisturbed distgit answers to the two requests. */
let expected: unknown[];
let number = 0;

async function start(dataDir: string): Promise<Distgit> {
  const { running, ready } = await startProcess(
    {
      name: 'distgit',
      command: process.execPath,
      args: [main],
      environment: {
        KOPR_DATA_DIR: dataDir,
        KOPR_HTTP_PORT: '0',
        KOPR_CONTROL_PORT: '0',
        KOPR_METRICS_PORT: '0',
        KOPR_TOKEN_KEY_FILE: keyFile,
        KOPR_SRPM_ORIGINS: files.base,
        KOPR_PUBLIC_READS: 'true',
      },
    },
    (onLine) =>
      new Promise<{ httpPort: number; controlPort: number }>((resolve) => {
        onLine((line) => {
          const record = JSON.parse(line);
          if (record.msg === 'distgit is ready') resolve(record);
        });
      }),
  );
  return { ...running, control: new ControlClient(ready.controlPort), httpPort: ready.httpPort };
}

/** Resolves when the log of the build has a line that matches, or its import is over. */
async function logged(dataDir: string, build: number, pattern: RegExp, over: { yes: boolean }): Promise<void> {
  while (!over.yes) {
    const text = await readFile(join(dataDir, 'per-task-logs', `${build}.log`), 'utf8').catch(() => '');
    if (pattern.test(text)) return;
    await systemClock.sleep(1);
  }
}

/** Imports the first version, is killed in the second, starts again, and compares everything there is. */
async function surviveKill(when: (dataDir: string, over: { yes: boolean }) => Promise<void>): Promise<void> {
  const dataDir = join(dir, `data-${++number}`);
  const first = await start(dataDir);
  const one = await first.control.import(taskId(1), requests[0]);
  const over = { yes: false };
  const broken = first.control
    .import(taskId(2), requests[1])
    .catch(() => undefined)
    .finally(() => {
      over.yes = true;
    });
  await when(dataDir, over);
  await first.end('SIGKILL');
  await broken;
  const second = await start(dataDir);
  try {
    const two = await second.control.import(taskId(2), requests[1]);
    expect([one, two]).toEqual(expected);
    expect(await second.control.import(taskId(1), requests[0])).toEqual(one);
    const clone = join(dir, `clone-${number}`);
    await gitCommand('clone', '--quiet', `http://127.0.0.1:${second.httpPort}/git/demo/p/hello`, clone);
    expect(await gitCommand('-C', clone, 'rev-list', '--count', 'HEAD')).toBe('2');
    const repo = join(dataDir, 'git/demo/p/hello.git');
    expect(await gitCommand('-c', 'safe.directory=*', '-C', repo, 'fsck', '--strict', '--no-dangling')).toBe('');
    expect((await readdir(repo, { recursive: true })).filter((name) => name.endsWith('.lock'))).toEqual([]);
    expect(await readdir(join(dataDir, 'tmp'))).toEqual([]);
    expect((await readdir(join(dataDir, 'lookaside/pkgs/demo/p/hello/big.zip'))).length).toBe(6);
  } finally {
    await second.end('SIGKILL');
    await removeDir(dataDir);
  }
}

beforeAll(async () => {
  dir = await scratchDir();
  keyFile = await writeKey(dir);
  files = new FileServer();
  await files.start();
  const request = async (version: string, build: number): Promise<ImportRequest> => {
    const sources = { 'big.zip': Buffer.alloc(3_000_000, version), 'a.patch': version, 'b.patch': 'same' };
    const srpm = await files.addFile(await makeSrpm(dir, { name: 'hello', version, sources }));
    return { owner: 'demo', project: 'p', build, srpm, branches: ['pebble-13', 'pebble-12'] };
  };
  requests = [await request('1', 1), await request('2', 2)];
  const reference = await start(join(dir, 'reference'));
  expected = [
    await reference.control.import(taskId(1), requests[0]),
    await reference.control.import(taskId(2), requests[1]),
  ];
  importResult.parse((expected[1] as { body: unknown }).body);
  await reference.end('SIGKILL');
});

afterAll(async () => {
  await files.stop();
  await removeDir(dir);
});

describe('distgit killed in an import and started again', () => {
  it.each([
    ['begins to download', /downloading/],
    ['reads the header', /reading the header/],
    ['unpacks', /unpacking/],
    ['has stored the archive', /stored big\.zip/],
    ['commits', /committing/],
    ['has committed', /branch pebble-13 is at/],
    ['has answered', /import finished/],
  ])('when it %s gives the same answer', async (_what, pattern) => {
    await surviveKill((dataDir, over) => logged(dataDir, 2, pattern, over));
  });

  it('at any moment gives the same answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 150 }), (ms) => surviveKill(() => systemClock.sleep(ms))),
      { numRuns: 8, endOnFailure: true },
    );
  }, 60_000);
});

describe('the process', () => {
  it('lets a running import end when it is told to end', async () => {
    const distgit = await start(join(dir, 'drain'));
    const over = { yes: false };
    const reply = distgit.control.import(taskId(1), requests[0]).finally(() => {
      over.yes = true;
    });
    await logged(join(dir, 'drain'), 1, /downloading/, over);
    const ended = distgit.end('SIGTERM');
    expect(await reply).toEqual(expected[0]);
    expect(await ended).toBe(0);
  });

  it('explains itself, and what is missing', async () => {
    const help = spawn(process.execPath, [main, '--help'], { env: {} });
    const [[text], [code]] = (await Promise.all([once(help.stdout, 'data'), once(help, 'close')])) as [
      [Buffer],
      [number],
    ];
    expect(text.toString()).toMatch(/^distgit: imports .*KOPR_DATA_DIR/s);
    expect(code).toBe(0);
    const wrong = spawn(process.execPath, [main], { env: {} });
    const [[words], [failed]] = (await Promise.all([once(wrong.stderr, 'data'), once(wrong, 'close')])) as [
      [Buffer],
      [number],
    ];
    expect(words.toString()).toMatch(/^distgit: .*KOPR_TOKEN_KEY_FILE: must be set/s);
    expect(failed).toBe(1);
  });
});
