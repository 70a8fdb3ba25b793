import type { ChildProcess } from 'node:child_process';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const run = promisify(execFile);
/** PostgreSQL refuses root; the image has a user of this number. */
const UID = process.getuid?.() === 0 ? 1000 : undefined;

let dir = '';
let port = 0;
let child: ChildProcess | undefined;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-start-'));
  chmodSync(dir, 0o755);
  for (const name of ['data', 'tmp']) mkdirSync(join(dir, name));
  if (UID !== undefined) for (const name of ['data', 'tmp']) chownSync(join(dir, name), UID, UID);
  port = await freePort();
});

afterEach(async () => {
  await stop('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function password(text: string): void {
  writeFileSync(join(dir, 'password'), text, { mode: 0o644 });
}

function start(service: 'postgres' | 'redis', args: string[]): { said: () => string } {
  let said = '';
  child = spawn(join(import.meta.dirname, service, 'start.sh'), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what the script has started ends with it.
    detached: true,
    ...(UID === undefined ? {} : { uid: UID, gid: UID }),
    env: {
      PATH: process.env.PATH ?? '',
      KOPR_DATA_DIR: join(dir, 'data'),
      KOPR_PASSWORD_FILE: join(dir, 'password'),
      KOPR_HBA_FILE: join(import.meta.dirname, 'postgres', 'pg_hba.conf'),
      KOPR_SOCKET_DIR: join(dir, 'tmp'),
      KOPR_REDIS_CONF: join(import.meta.dirname, 'redis', 'redis.conf'),
      KOPR_WORK_DIR: join(dir, 'tmp'),
    },
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return { said: () => said };
}

async function stop(signal: NodeJS.Signals): Promise<number | null> {
  const ending = child;
  child = undefined;
  if (ending?.pid === undefined || ending.exitCode !== null || ending.signalCode !== null)
    return ending?.exitCode ?? null;
  const ended = once(ending, 'exit');
  process.kill(signal === 'SIGKILL' ? -ending.pid : ending.pid, signal);
  await ended;
  return ending.exitCode;
}

async function eventually<T>(what: string, attempt: () => Promise<T>, said: () => string): Promise<T> {
  let last: unknown;
  for (let tries = 0; tries < 150; tries++) {
    try {
      return await attempt();
    } catch (error) {
      last = error;
      await setTimeout(100);
    }
  }
  throw new Error(`${what}: ${String(last)}\n${said()}`);
}

describe('PostgreSQL', () => {
  const boot = (): { said: () => string } => start('postgres', ['-c', `port=${port}`, '-c', 'shared_buffers=16MB']);

  async function sql(text: string, secret: string, user = 'kopr', database = 'kopr'): Promise<string> {
    const url = `postgresql://${user}@127.0.0.1:${port}/${database}`;
    const { stdout } = await run('psql', ['-X', '-At', '-v', 'ON_ERROR_STOP=1', '-c', text, url], {
      env: { PATH: process.env.PATH ?? '', PGPASSWORD: secret, PGCONNECT_TIMEOUT: '5' },
    });
    return stdout.trim();
  }

  test('makes its database once, keeps it when it is killed, and follows the password of the Secret', async () => {
    password("first's secret");
    // What an initialisation that was killed may have left.
    mkdirSync(join(dir, 'data', 'cluster.new'), { mode: 0o777 });
    if (UID !== undefined) chownSync(join(dir, 'data', 'cluster.new'), UID, UID);
    const first = boot();
    await eventually('the first start', () => sql('create table kept (a int)', "first's secret"), first.said);
    expect(await sql('show password_encryption', "first's secret")).toBe('scram-sha-256');
    expect(existsSync(join(dir, 'data', 'cluster.new'))).toBe(false);
    await stop('SIGKILL');

    password('second');
    const second = boot();
    expect(await eventually('the second start', () => sql('select count(*) from kept', 'second'), second.said)).toBe(
      '0',
    );
    await expect(sql('select 1', "first's secret")).rejects.toThrow(/password authentication failed/);
    await expect(sql('select 1', 'second', 'postgres', 'postgres')).rejects.toThrow(/no pg_hba.conf entry/);
    expect(first.said() + second.said()).not.toMatch(/first's|SCRAM-SHA-256\$/);
    expect(await stop('SIGINT')).toBe(0);
  }, 60_000);

  test('says what to do with the data of another version', async () => {
    password('a');
    mkdirSync(join(dir, 'data', 'cluster'));
    writeFileSync(join(dir, 'data', 'cluster', 'PG_VERSION'), '9\n');
    const { said } = boot();
    await once(child as ChildProcess, 'exit');
    expect(said()).toMatch(/the data is that of PostgreSQL 9 and this is \d+; dump it with the older image/);
  });
});

describe('Redis', () => {
  const boot = (): { said: () => string } => start('redis', ['--port', String(port), '--maxmemory', '16mb']);

  async function redis(args: string[], secret?: string): Promise<string> {
    const env = { PATH: process.env.PATH ?? '', ...(secret === undefined ? {} : { REDISCLI_AUTH: secret }) };
    const user = secret === undefined ? [] : ['--user', 'kopr'];
    const { stdout } = await run('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...user, ...args], { env });
    return stdout.trim();
  }

  test('lets the user of the Secret have the keys of kopr, and nobody else anything', async () => {
    password('top secret $1');
    const { said } = boot();
    const pong = async (): Promise<void> => expect(await redis(['ping'], 'top secret $1')).toBe('PONG');
    await eventually('the start', pong, said);
    expect(await redis(['xadd', 'kopr:log:a', '*', 'o', '0', 'd', 'x'], 'top secret $1')).toMatch(/^\d+-0$/);
    expect(await redis(['expire', 'kopr:log:a', '10'], 'top secret $1')).toBe('1');
    expect(await redis(['set', 'other', '1'], 'top secret $1')).toContain('NOPERM');
    expect(await redis(['config', 'get', 'maxmemory'], 'top secret $1')).toContain('NOPERM');
    expect(await redis(['flushall'], 'top secret $1')).toContain('NOPERM');
    expect(await redis(['get', 'kopr:a'])).toContain('NOAUTH');
    expect(await redis(['get', 'kopr:a'], 'wrong')).toContain('NOAUTH');
    const argv = spawnSync('ps', ['-ww', '-o', 'args=', '-p', String(child?.pid)], { encoding: 'utf8' }).stdout;
    expect(argv).toContain('redis-server');
    expect(argv).not.toContain('secret');
    expect(await stop('SIGTERM')).toBe(0);
  });
});

test.each(['postgres', 'redis'] as const)('%s says that its password is missing', async (service) => {
  const { said } = start(service, []);
  await once(child as ChildProcess, 'exit');
  expect(said()).toMatch(/the password file .*password cannot be read; mount the Secret/);
  password('');
  const again = start(service, []);
  await once(child as ChildProcess, 'exit');
  expect(again.said()).toMatch(/is empty; put a password into the Secret/);
});
