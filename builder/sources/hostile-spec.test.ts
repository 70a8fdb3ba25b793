import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { temporaryDirectory, tool } from '../testing/context.ts';
import { sourceTask } from '../testing/tasks.ts';
import type { WebServer } from '../testing/web-server.ts';
import { serveFiles, startWebServer } from '../testing/web-server.ts';

/**
 * A spec runs any program while it is read. Both programs of a source stage, with real rpm, and what a spec finds then.
 * That the container has neither a token nor another credential mounted is the pod's part (controllers/builder/pod.ts).
 */

const TOKEN = 'c291cmNlLXRva2Vu';
const MAX_LOG = 200_000;

let root: Awaited<ReturnType<typeof temporaryDirectory>>;
let web: WebServer;

const path = (...names: string[]): string => join(root.path, ...names);

beforeEach(async () => {
  root = await temporaryDirectory();
  for (const name of ['web', 'work', 'results', 'control', 'tmp', 'source-token']) await mkdir(path(name));
  await writeFile(path('source-token', 'token'), TOKEN);
  await writeFile(path('control', 'uploaded'), '');
  web = await startWebServer((request, response) => serveFiles(path('web'), request, response));
});
afterEach(async () => {
  await web.stop();
  await root.remove();
});

async function builder(command: string, taskSeconds: number): Promise<number | null> {
  const task = sourceTask({ link: { url: `${web.url}/hostile.spec` } }, { timeoutSeconds: taskSeconds });
  await writeFile(path('task.json'), JSON.stringify(task));
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts'), command], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      TMPDIR: path('tmp'),
      KOPR_LOG_LEVEL: 'warn',
      KOPR_TASK_FILE: path('task.json'),
      KOPR_SOURCE_TOKEN_FILE: path('source-token', 'token'),
      KOPR_WORK_DIR: path('work'),
      KOPR_RESULTS_DIR: path('results'),
      KOPR_CONTROL_DIR: path('control'),
      KOPR_MAX_LOG_BYTES: String(MAX_LOG),
    },
    stdio: 'ignore',
  });
  return new Promise((resolve) => child.on('exit', resolve));
}

interface Outcome {
  verdict: unknown;
  seconds: number;
}

/** What becomes of a spec with these lines. */
async function submit(lines: string, taskSeconds = 60): Promise<Outcome> {
  const spec = `${lines}\nName: hostile\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\n%description\n`;
  await writeFile(path('web', 'hostile.spec'), spec);
  expect(await builder('fetch', taskSeconds)).toBe(0);
  const started = systemClock.monotonic();
  expect(await builder('srpm', taskSeconds)).toBe(0);
  const seconds = (systemClock.monotonic() - started) / 1000;
  return { verdict: JSON.parse(await readFile(path('results', 'verdict.json'), 'utf8')), seconds };
}

const found = async (name: string): Promise<string[]> =>
  (await readFile(path('work', name), 'utf8')).split('\n').filter((line) => line !== '');

describe('a hostile spec', () => {
  it('finds no token in the environment, neither of its own process nor of those above it', async () => {
    const list = String.raw`tr '\0' '\n'`;
    const { verdict } = await submit(
      [
        `%(env | cut -d= -f1 | sort -u >${path('work', 'shell')})`,
        `%{lua: os.execute("env | cut -d= -f1 | sort -u >${path('work', 'lua')}")}`,
        // rpm is the parent of the shell, the builder its parent.
        `%(${list} </proc/$PPID/environ | cut -d= -f1 | sort -u >${path('work', 'rpm')})`,
        `%(p=$(awk '{print $4}' /proc/$PPID/stat); ${list} </proc/$p/environ >${path('work', 'builder')})`,
      ].join('\n'),
    );
    expect(verdict).toMatchObject({ outcome: 'succeeded' });
    const own = ['HOME', 'LC_ALL', 'PATH', 'TMPDIR'];
    expect(await found('rpm')).toEqual(own);
    const ofShell = (names: string[]): string[] => names.filter((name) => !/^(?:_|OLDPWD|PWD|SHLVL)$/.test(name));
    expect(ofShell(await found('shell'))).toEqual(own);
    expect(ofShell(await found('lua'))).toEqual(own);
    expect(await found('builder')).toContain(`KOPR_WORK_DIR=${path('work')}`);
    expect((await found('builder')).join('\n')).not.toContain(TOKEN);
  });

  it('finds no token in the volumes of its container, and no open file of the builder', async () => {
    const volumes = ['work', 'results', 'control', 'tmp', 'task.json'].map((name) => path(name)).join(' ');
    const { verdict } = await submit(
      [
        `%(grep -rlF ${TOKEN.slice(0, 8)}''${TOKEN.slice(8)} ${volumes} >${path('tmp', 'holders')})`,
        `%(grep -rlF hostile ${volumes} >${path('tmp', 'own')})`,
        `%(readlink /proc/$PPID/fd/* >${path('tmp', 'open')})`,
      ].join('\n'),
    );
    expect(verdict).toMatchObject({ outcome: 'succeeded' });
    expect(await readFile(path('tmp', 'holders'), 'utf8')).toBe('');
    // The search does find what is there.
    expect(await readFile(path('tmp', 'own'), 'utf8')).toContain(path('work', 'sources', 'hostile.spec'));
    const open = (await readFile(path('tmp', 'open'), 'utf8')).trim().split('\n');
    for (const file of open) {
      expect(file).toMatch(
        /^(?:pipe:\[\d+\]|socket:\[\d+\]|\/dev\/null|\/.*\/hostile\.spec|\/.*\/rpm-tmp\.\w+(?: \(deleted\))?)$/,
      );
    }
    expect(open).toContain('/dev/null');
  });

  it.each([
    ['a loop of Lua', '%{lua: while true do end}'],
    ['a program that waits', '%(sleep 60)'],
    ['a program that ignores the request to end', `%(trap '' TERM; while :; do sleep 1; done)`],
    ['a program that leaves its process group', `%(setsid sleep 40)`],
  ])('has the time of its task and no more for %s', { timeout: 60_000 }, async (_what, line) => {
    const { verdict, seconds } = await submit(line, 2);
    expect(verdict).toMatchObject({ outcome: 'failed', reason: 'TimedOut', exitCode: 124 });
    expect(seconds).toBeLessThan(30);
    expect((await readdir(path('results'))).sort()).toEqual(['builder-live.log', 'verdict.json']);
  });

  it.each([
    ['a program', '%(yes)'],
    ['Lua', '%{lua: string.rep("x", 2000000000)}'],
  ])('has a limit of memory for what %s makes', { timeout: 60_000 }, async (_what, line) => {
    const { verdict } = await submit(`%global _x ${line}`);
    expect(verdict).toMatchObject({
      outcome: 'failed',
      reason: 'SpecInvalid',
      message: expect.stringContaining('takes more than 1024 MiB of memory'),
    });
  });

  it('cannot flood the log', { timeout: 60_000 }, async () => {
    const { verdict } = await submit('%{lua: for i = 1, 100000 do io.stderr:write("a line of the flood\\n") end}');
    expect(verdict).toMatchObject({ outcome: 'succeeded' });
    expect((await stat(path('results', 'builder-live.log'))).size).toBeLessThan(MAX_LOG + 200);
    expect(await readFile(path('results', 'builder-live.log'), 'utf8')).toContain('the rest is not kept');
  });

  it('cannot keep the builder itself busy with a line of blanks', async () => {
    const { verdict, seconds } = await submit(`Source0: a%{lua: print(string.rep(" ", 4000000))}b`);
    expect(verdict).toMatchObject({ outcome: 'failed' });
    expect(seconds).toBeLessThan(15);
  });

  it('reaches distgit with nothing that distgit takes', async () => {
    let shown: unknown = 'nothing came';
    const distgit = await startWebServer((request, response) => {
      shown = request.headers.authorization;
      response.end('x');
    });
    const { verdict } = await submit(`Source0: ${distgit.url}/repo/pkgs/demo/hello/hello/x`);
    await distgit.stop();
    expect(verdict).toMatchObject({ outcome: 'succeeded' });
    expect(shown).toBeUndefined();
    const files = await tool(root.path, 'rpm', '-qlp', join('results', 'hostile-1-1.src.rpm'));
    expect(files.split('\n')).toContain('x');
  });
});
