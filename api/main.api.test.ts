import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { installCRDs } from '../crds/testing/install.ts';
import { type RunningService, startService } from '../lib/testing/process.ts';
import { freshNamespace, realClient } from '../operator/testing/realApi.ts';
import { startPostgres, type TestPostgres } from './db/testing/postgres.ts';
import { basic } from './http/testing/rig.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, 'main.ts');

let directory: string;
let postgres: TestPostgres;
let environment: Record<string, string>;

beforeAll(async () => {
  const client = await realClient();
  await installCRDs(client);
  const release = await freshNamespace(client, 'api-main');
  await client.close();
  directory = await mkdtemp(join(tmpdir(), 'kopr-api-main-'));
  await writeFile(join(directory, 'key'), 'k'.repeat(32));
  postgres = await startPostgres();
  environment = {
    KUBECONFIG: inject('kubeconfig'),
    KOPR_RELEASE_NAMESPACE: release,
    KOPR_BUILDS_NAMESPACE: 'kopr-builds',
    KOPR_FRONTEND_URL: 'http://copr.test',
    KOPR_RESULTS_URL: 'http://127.0.0.1:1/results',
    KOPR_RESULTS_INTERNAL_URL: 'http://127.0.0.1:1/results',
    KOPR_PUBLISHER_URL: 'http://127.0.0.1:1',
    KOPR_UPLOAD_KEY_FILE: join(directory, 'key'),
    KOPR_DATABASE_URL: await postgres.createDatabase(),
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
  };
});
afterAll(async () => {
  await postgres?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function admin(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [main, 'admin', ...args], { env: environment, timeout: 60_000 });
  return stdout;
}

describe('the words after the name of the program', () => {
  test.each([['--help'], ['serve', '--help'], ['admin', '--help']])('%s %s tells what there is', async (...args) => {
    const { stdout } = await run(process.execPath, [main, ...args.filter(Boolean)], { env: {} });
    expect(stdout).toMatch(args[0] === 'admin' ? /token add/ : /KOPR_DATABASE_URL_FILE[\s\S]*api admin --help/);
  });

  test.each([
    [['--nonsense'], 2, /"--nonsense" is not known/],
    [['serve', 'x'], 2, /"x" is not known/],
    [['admin', 'nonsense'], 2, /admin: /],
    [[], 1, /KOPR_FRONTEND_URL: must be set/],
    [['admin', 'user', 'list'], 1, /KOPR_FRONTEND_URL: must be set/],
  ])('%j are refused with status %i', async (args, code, message) => {
    const stderr = expect.stringMatching(message);
    await expect(run(process.execPath, [main, ...args], { env: {} })).rejects.toMatchObject({ code, stderr });
  });
});

describe('the process', () => {
  let api: RunningService<{ http: number; metrics: number }>;
  beforeAll(async () => {
    api = await startService<{ http: number; metrics: number }>('api', main, environment);
  });
  afterAll(() => api?.end('SIGKILL'));

  test('a user made by the command line can use the API at once, and not after the token is revoked', async () => {
    await admin('user', 'add', 'alice', '--admin');
    const config = await admin('token', 'add', 'alice', '--copr-config');
    expect(config).toMatch(/copr_url = http:\/\/copr\.test\nencrypted = no/);
    const login = /^login = (.+)$/m.exec(config)?.[1] ?? '';
    const token = /^token = (.+)$/m.exec(config)?.[1] ?? '';
    // Credentials come first: 404 means that they were taken.
    const status = async (authorization: string): Promise<number> => {
      const url = `http://127.0.0.1:${api.ports.http}/api_3/build/cancel/999999999`;
      return (await fetch(url, { method: 'PUT', headers: { authorization } })).status;
    };
    expect(await status(basic(login, token))).toBe(404);
    expect(await status(basic(login, 'wrong'))).toBe(401);
    await admin('token', 'revoke', login);
    await expect.poll(() => status(basic(login, token)), { timeout: 10_000, interval: 500 }).toBe(401);
  });

  test('it is ready, serves its pages, and logs no secret', async () => {
    expect((await fetch(`http://127.0.0.1:${api.ports.metrics}/readyz`)).status).toBe(200);
    const page = await fetch(`http://127.0.0.1:${api.ports.http}/`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('copr-cli')]);
    expect(api.output()).not.toMatch(/kkkkkkkk|postgres:\/\//);
  });

  test('it ends by itself when it is told to', async () => {
    expect(await api.end('SIGTERM')).toBe(0);
  });
});
