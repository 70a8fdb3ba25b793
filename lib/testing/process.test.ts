import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProcessOptions, startProcess, startService } from './process.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kopr-process-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const shell = (script: string, environment: Record<string, string> = {}): ProcessOptions => ({
  name: 'the shell',
  command: '/bin/sh',
  args: ['-c', script],
  environment,
});

const firstLine = (onLine: (listener: (line: string) => void) => void): Promise<string> => new Promise(onLine);

describe('a process of a test', () => {
  it('is ready when it says so, keeps its output and ends by signal', async () => {
    const options = shell('echo noise >&2; echo "ready $NAME"; exec sleep 60', { NAME: 'one' });
    const { running, ready } = await startProcess(options, firstLine);
    expect(ready).toBe('ready one');
    await expect.poll(running.output).toContain('noise');
    expect(await running.end('SIGTERM')).toBe('SIGTERM');
    expect(await running.ended).toBe('SIGTERM');
    expect(() => process.kill(running.pid, 0)).toThrow('ESRCH');
  });

  it('knows nothing of the environment of the test', async () => {
    const { running, ready } = await startProcess(shell('echo "[$HOME$KOPR_DATA_DIR]"; exec sleep 60'), firstLine);
    expect(ready).toBe('[]');
    await running.end('SIGKILL');
  });

  it('that ends too early is an error with what it said', async () => {
    await expect(
      startProcess(shell('echo "no such file" >&2; exit 3'), () => new Promise(() => undefined)),
    ).rejects.toThrow(/^the shell ended with 3 before it was ready: no such file/);
  });

  it('that cannot be started is an error', async () => {
    await expect(startProcess({ ...shell(''), command: '/nowhere' }, firstLine)).rejects.toThrow('ENOENT');
  });
});

describe('a service of a test', () => {
  it('tells its ports', async () => {
    const main = join(directory, 'main.mjs');
    const lines = [{ msg: 'starting' }, { msg: 'echo is ready', ports: { http: 7 } }].map((line) =>
      JSON.stringify(line),
    );
    await writeFile(
      main,
      `${lines.map((line) => `console.log('${line}');`).join('\n')}\nsetInterval(() => {}, 1000);\n`,
    );
    const service = await startService<{ http: number }>('echo', main, {});
    expect(service.ports).toEqual({ http: 7 });
    expect(await service.end('SIGKILL')).toBe('SIGKILL');
  });
});
