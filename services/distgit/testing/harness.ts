import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { systemClock } from '../../../lib/clock.ts';
import { metricsEnvironment } from '../../../lib/http/testing/metrics.ts';
import { type ImportRequest, type ImportResult, importResult } from '../../../lib/protocol/distgit.ts';
import { mintControlToken, tokenKey } from '../../../lib/protocol/token.ts';
import { loadConfig } from '../config.ts';
import { type Service, startService } from '../service.ts';
import { sha256 } from './srpm.ts';

const execute = promisify(execFile);
export const KEY = Buffer.alloc(32, 7);

/** Removed with everything in it by the caller. */
export async function scratchDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'kopr-distgit-'));
}

export async function removeDir(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** Serves files by path from memory, as the results server serves SRPMs. */
export class FileServer {
  readonly files = new Map<string, Buffer | number>();
  readonly hits: string[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      const path = request.url ?? '';
      this.hits.push(path);
      const file = this.files.get(path) ?? 404;
      if (typeof file === 'number') response.writeHead(file, { location: '/elsewhere' }).end();
      else response.writeHead(200, { 'content-length': file.length }).end(file);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get base(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  async addFile(path: string): Promise<ImportRequest['srpm']> {
    return this.add(await readFile(path));
  }

  add(content: Buffer): ImportRequest['srpm'] {
    const path = `/results/${this.files.size}.src.rpm`;
    this.files.set(path, content);
    return { url: `${this.base}${path.slice(1)}`, sha256: sha256(content), size: content.length };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export function taskId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}.1`;
}

export interface Reply {
  status: number;
  body: unknown;
}

/** The operator's side of the control API. */
export class ControlClient {
  private readonly base: string;

  constructor(port: number) {
    this.base = `http://127.0.0.1:${port}/v1`;
  }

  async import(task: string, request: ImportRequest, wait = 30): Promise<Reply> {
    return this.call('PUT', `/imports/${task}?wait=${wait}`, request);
  }

  async deleteProject(owner: string, project: string): Promise<Reply> {
    return this.call('DELETE', `/projects/${owner}/${project}`);
  }

  async call(method: string, path: string, body?: unknown, token?: string): Promise<Reply> {
    const bearer = token ?? (await mintControlToken(tokenKey(KEY), 'operator', 'distgit', systemClock));
    const response = await fetch(`${this.base}${path}`, {
      method,
      headers: { authorization: `Bearer ${bearer}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }
}

export async function writeKey(dir: string): Promise<string> {
  const path = join(dir, 'token.key');
  await writeFile(path, KEY);
  return path;
}

/** Runs git as a user would, apart from this machine's configuration. */
export async function gitCommand(...args: string[]): Promise<string> {
  const { stdout } = await execute('git', args, {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: '/nonexistent',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'tester',
      GIT_AUTHOR_EMAIL: 'tester@localhost',
      GIT_COMMITTER_NAME: 'tester',
      GIT_COMMITTER_EMAIL: 'tester@localhost',
    },
  });
  return stdout.trim();
}

export interface TestService {
  dir: string;
  files: FileServer;
  service: Service;
  control: ControlClient;
  /** Of the public port, without a slash at the end. */
  base: string;
  nextTask(): string;
  /** Imports and expects success. */
  imported(request: ImportRequest): Promise<ImportResult>;
  stop(): Promise<void>;
}

/** A whole distgit on free ports, with a server for SRPMs under `<files.base>results/`. */
export async function startTestService(env: Record<string, string> = {}): Promise<TestService> {
  const dir = await scratchDir();
  const files = new FileServer();
  await files.start();
  const config = loadConfig({
    KOPR_DATA_DIR: join(dir, 'data'),
    KOPR_HTTP_PORT: '0',
    KOPR_CONTROL_PORT: '0',
    KOPR_METRICS_PORT: '0',
    ...metricsEnvironment(dir),
    KOPR_TOKEN_KEY_FILE: await writeKey(dir),
    KOPR_SRPM_ORIGINS: `${files.base}results`,
    KOPR_PUBLIC_READS: 'true',
    ...env,
  });
  const service = await startService(config, systemClock, pino({ level: 'silent' }));
  const control = new ControlClient(service.controlPort);
  let tasks = 0;
  const nextTask = (): string => taskId(++tasks);
  return {
    dir,
    files,
    service,
    control,
    base: `http://127.0.0.1:${service.httpPort}`,
    nextTask,
    imported: async (request) => {
      const reply = await control.import(nextTask(), request);
      if (reply.status !== 200) throw new Error(`the import failed: ${JSON.stringify(reply)}`);
      return importResult.parse(reply.body);
    },
    stop: async () => {
      await service.stop();
      await files.stop();
      await removeDir(dir);
    },
  };
}

export function requestFor(srpm: ImportRequest['srpm'], change: Partial<ImportRequest> = {}): ImportRequest {
  return { owner: 'demo', project: 'hello', build: 1, srpm, branches: ['pebble-13', 'pebble-12'], ...change };
}
