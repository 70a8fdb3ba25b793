import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coprConfig } from '../../deploy/accounts.ts';
import { nodePortURL } from '../../deploy/kubectl.ts';
import { lastLine, ROOT, run } from '../../deploy/run.ts';
import { buildFixtures } from '../fixtures/fixtures.ts';
import { cluster, RELEASE_NAMESPACE, until } from './harness.ts';

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** A user with copr-cli from PyPI, unmodified, and a configuration of their own. */
export interface CoprUser {
  name: string;
  login: string;
  token: string;
  /** Runs copr-cli and tells how it ended; it may fail. */
  copr(...args: string[]): Promise<Said>;
  /** The same, and its standard output; throws when it fails. */
  ok(...args: string[]): Promise<string>;
  /** Runs Python with python-copr; `client` is there and logged in. */
  python(script: string): Promise<Said>;
}

const TIMEOUT_MS = 240_000;

let scratch: Promise<string> | undefined;

/** A directory for this test file. */
export function scratchDirectory(): Promise<string> {
  scratch ??= mkdtemp(join(tmpdir(), 'kopr-copr-'));
  return scratch;
}

export async function removeScratch(): Promise<void> {
  if (scratch !== undefined) await rm(await scratch, { recursive: true, force: true });
}

export function execute(program: string, args: readonly string[], cwd?: string): Promise<Said> {
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 64 * 2 ** 20, ...(cwd === undefined ? {} : { cwd }) };
    execFile(program, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      resolve({ code, stdout, stderr });
    });
  });
}

/** The facade as this machine reaches it. */
export async function apiURL(): Promise<string> {
  const kube = await cluster();
  return nodePortURL((args, input) => kube.kubectl(args, input), RELEASE_NAMESPACE, 'kopr-api', 5000);
}

export async function coprUser(name: string, options: { admin?: boolean } = {}): Promise<CoprUser> {
  const bin = lastLine(await run(join(ROOT, 'test', 'clients', 'install.sh'), ['copr']));
  const kube = await cluster();
  const text = await coprConfig((args, input) => kube.kubectl(args, input), { user: name, ...options });
  const directory = await scratchDirectory();
  const file = join(directory, `${name}.conf`);
  await writeFile(file, text);
  const value = (key: string): string => new RegExp(`^${key} *= *(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const copr = (...args: string[]): Promise<Said> =>
    execute(join(bin, 'copr-cli'), ['--config', file, ...args], directory);
  return {
    name,
    login: value('login'),
    token: value('token'),
    copr,
    async ok(...args) {
      const said = await copr(...args);
      if (said.code === 0) return said.stdout;
      throw new Error(`copr-cli ${args.join(' ')} ended with ${said.code}: ${said.stdout}${said.stderr}`);
    },
    python(script) {
      const prelude = [
        'import json, sys',
        'from copr.v3 import Client, config_from_file',
        'from copr.v3.exceptions import *',
        `client = Client(config_from_file(${JSON.stringify(file)}))`,
      ];
      return execute(join(bin, 'python'), ['-c', `${prelude.join('\n')}\n${script}`], directory);
    },
  };
}

/** Numbers of the line that scripts parse. */
export function createdBuilds(stdout: string): number[] {
  const line = /^Created builds: ([\d ]+)$/m.exec(stdout)?.[1];
  if (line === undefined) throw new Error(`copr-cli did not say which builds it made: ${stdout}`);
  return line.split(' ').map(Number);
}

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** One request to /api_3, as `user` if one is given. */
export async function api(
  method: string,
  path: string,
  options: { user?: CoprUser; body?: object } = {},
): Promise<Answer> {
  const { user, body } = options;
  const headers: Record<string, string> = {};
  if (user !== undefined)
    headers.authorization = `Basic ${Buffer.from(`${user.login}:${user.token}`).toString('base64')}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const answer = await fetch(`${await apiURL()}/api_3${path}`, {
    method,
    headers,
    signal: AbortSignal.timeout(30_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** Waits until a build has one of these states; copr-cli itself asks only every 30 s. */
export async function untilState(id: number, states: readonly string[], seconds = 300): Promise<string> {
  const answer = await until(
    `the state ${states.join(' or ')} of build ${id}`,
    () => api('GET', `/build/${id}`),
    ({ body }) => states.includes(String(body.state)),
    seconds,
  );
  return String(answer.body.state);
}

export const ENDED = ['succeeded', 'failed', 'canceled', 'skipped'];

let fixtures: Promise<string> | undefined;

/** Source packages on this machine's disk, for uploads. */
export function localFixture(file: string): Promise<string> {
  fixtures ??= scratchDirectory().then(async (directory) => {
    const out = join(directory, 'fixtures');
    await buildFixtures(out, { baseURL: 'http://files.example' });
    return out;
  });
  return fixtures.then((out) => join(out, file));
}

/** Makes the owner's projects go away, and waits for it. */
export async function deleteProjects(owner: string): Promise<void> {
  await (await cluster()).kubectl([
    '-n',
    owner,
    'delete',
    'projects',
    '--all',
    '--ignore-not-found',
    '--wait',
    '--timeout=180s',
  ]);
}
