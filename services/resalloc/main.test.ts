import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from '../../lib/listen.ts';
import { startProcess } from '../../lib/testing/process.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, 'main.ts');
let directory = '';
let environment: Record<string, string> = {};

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-resalloc-main-'));
  const [kubeconfig, password] = [join(directory, 'kubeconfig'), join(directory, 'password')];
  writeFileSync(password, 'password-of-the-test');
  // Nobody listens there.
  const cluster = { name: 'none', cluster: { server: 'http://127.0.0.1:1' } };
  const context = { name: 'none', context: { cluster: 'none', user: 'none' } };
  const users = [{ name: 'none', user: { token: 'none' } }];
  writeFileSync(
    kubeconfig,
    JSON.stringify({ clusters: [cluster], contexts: [context], users, 'current-context': 'none' }),
  );
  environment = {
    KUBECONFIG: kubeconfig,
    KOPR_RELEASE_NAMESPACE: 'kopr-system',
    KOPR_PASSWORD_FILE: password,
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
  };
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the process', () => {
  it('explains itself', async () => {
    const { stdout } = await run(process.execPath, [main, '--help'], { env: {} });
    expect(stdout).toMatch(/lends builder machines to clients of Resalloc[\s\S]*KOPR_PASSWORD_FILE/);
  });

  it.each<[string, string[], Record<string, string>, number, string]>([
    ['an argument', ['serve'], {}, 2, '"serve" is not known'],
    ['no namespace', [], { KOPR_RELEASE_NAMESPACE: '' }, 1, 'KOPR_RELEASE_NAMESPACE: '],
    ['no password', [], { KOPR_PASSWORD_FILE: '' }, 1, 'KOPR_PASSWORD_FILE: '],
    ['metrics for everybody', [], { KOPR_METRICS: 'on' }, 1, 'KOPR_METRICS_TOKEN_FILE: must be set'],
  ])('does not start with %s, and says why', async (_, args, change, code, message) => {
    const env = { ...environment, ...change };
    await expect(run(process.execPath, [main, ...args], { env })).rejects.toMatchObject({
      code,
      stderr: expect.stringContaining(message),
    });
  });

  it('lets everybody in only where that is asked for', async () => {
    const { KOPR_PASSWORD_FILE: _, ...without } = environment;
    await expect(run(process.execPath, [main], { env: without })).rejects.toMatchObject({
      stderr: expect.stringContaining('KOPR_PASSWORD_FILE: must be set, unless KOPR_AUTH=none lets everybody in'),
    });
    const { running, ready } = await startProcess(
      { name: 'resalloc', command: process.execPath, args: [main], environment: { ...without, KOPR_AUTH: 'none' } },
      (onLine) => new Promise<string>((resolve) => onLine(resolve)),
    );
    expect(ready).toContain('everybody who reaches the port may take machines');
    await running.end('SIGKILL');
  });

  it('ends at once when it is told to while the API server is away', async () => {
    const port = await freePort();
    const { running, ready } = await startProcess(
      {
        name: 'resalloc',
        command: process.execPath,
        args: [main],
        environment: { ...environment, KOPR_METRICS_PORT: String(port) },
      },
      () => readiness(port),
    );
    expect(ready).toBe('503 the service is starting\n');
    expect(await running.end('SIGTERM')).toBe(0);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { port: 0 });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What is answered once something is answered at all; startProcess bounds the wait. */
async function readiness(port: number): Promise<string> {
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      return `${response.status} ${await response.text()}`;
    } catch {
      await sleep(50);
    }
  }
}
