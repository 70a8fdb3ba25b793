/** A real PostgreSQL for tests: its own data directory, a port of 127.0.0.1, no syncing to disk. */
import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { eventually } from '../../../operator/testing/harness.ts';

const run = promisify(execFile);
const ROOT = '/usr/lib/postgresql';
const USER = 'kopr';
/** The user `nobody`; PostgreSQL refuses to run as root. */
const UNPRIVILEGED = 65_534;
const START_MS = 30_000;
const SETTINGS = [
  // What is committed is with the kernel, which outlives the server.
  ['fsync', 'off'],
  ['full_page_writes', 'off'],
  ['listen_addresses', '127.0.0.1'],
  ['unix_socket_directories', ''],
  ['max_connections', '60'],
  ['shared_buffers', '64MB'],
];

export interface TestPostgres {
  /** Makes an empty database and returns its address. */
  createDatabase(): Promise<string>;
  /** Ends it at once, as a crash would; what was committed stays. */
  kill(): Promise<void>;
  /** Starts it again, with the same data and at the same port. */
  start(): Promise<void>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

export async function startPostgres(): Promise<TestPostgres> {
  const bin = programs();
  const dir = await mkdtemp(join(tmpdir(), 'kopr-postgres-'));
  const asRoot = process.getuid?.() === 0;
  if (asRoot) await chown(dir, UNPRIVILEGED, UNPRIVILEGED);
  const data = join(dir, 'data');
  const port = await freePort();
  let child: ChildProcess | undefined;
  let databases = 0;

  /** A program of PostgreSQL, which dies with this process. */
  function command(program: string, args: readonly string[]): [string, string[]] {
    const ids = asRoot ? [`--reuid=${UNPRIVILEGED}`, `--regid=${UNPRIVILEGED}`, '--clear-groups'] : [];
    return ['setpriv', [...ids, '--pdeathsig', 'QUIT', join(bin, program), ...args]];
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await ended;
  }

  async function start(): Promise<void> {
    const args = ['-D', data, '-p', String(port), ...SETTINGS.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const started = spawn(...command('postgres', args), { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    started.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-10_000);
    });
    child = started;
    await eventually(
      'the start of PostgreSQL',
      async () => {
        if (started.exitCode !== null) throw new Error(`PostgreSQL ended at once:\n${output}`);
        return answers(address(port, 'postgres'));
      },
      START_MS,
    );
  }

  const [file, args] = command('initdb', [
    '-D',
    data,
    '-U',
    USER,
    '--auth=trust',
    '--no-sync',
    '-E',
    'UTF8',
    '--locale=C',
  ]);
  await run(file, args, { cwd: dir, timeout: START_MS });
  await start();
  return {
    async createDatabase() {
      databases += 1;
      const name = `test${databases}`;
      const client = new pg.Client({ connectionString: address(port, 'postgres') });
      await client.connect();
      try {
        await client.query(`CREATE DATABASE ${name}`);
      } finally {
        await client.end();
      }
      return address(port, name);
    },
    kill: () => end('SIGQUIT'),
    start,
    async stop() {
      await end('SIGQUIT');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function address(port: number, database: string): string {
  return `postgres://${USER}@127.0.0.1:${port}/${database}`;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The newest installed version. */
function programs(): string {
  const versions = existsSync(ROOT) ? readdirSync(ROOT).filter((name) => /^\d+$/.test(name)) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Error(`there is no PostgreSQL in ${ROOT}; install the Debian package postgresql`);
  return join(ROOT, newest, 'bin');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
