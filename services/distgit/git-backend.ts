import { type ChildProcess, spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { hasCode } from '../../lib/errors.ts';
import type { Semaphore } from '../../lib/locks.ts';
import { readCgiHead } from './cgi.ts';
import type { ClientLimit } from './client-limit.ts';
import { gitEnv } from './git.ts';
import type { PackagePath } from './layout.ts';
import { collect, killGroup, TOOL_ENV } from './process.ts';

export interface GitBackend {
  /** Directory of the repositories. */
  root: string;
  clock: Clock;
  slots: Semaphore;
  /** Requests of one client address, running or waiting. */
  clients: ClientLimit;
  /** Requests that may wait for a slot before others are turned away. */
  maxQueue: number;
  running: { inc(): void; dec(): void };
}

export type GitService = 'info/refs' | 'git-upload-pack';

const DEADLINE_MS = 300_000;
/** git http-backend gives up on a request (what a client says it has and wants) that is larger. */
const MAX_REQUEST = '8m';

/**
 * Answers one request of git's smart protocol through `git http-backend`. The process group is killed when the client
 * goes away or the deadline passes. Rejects when no answer could be begun; after that the connection is cut.
 */
export async function serveGit(
  backend: GitBackend,
  path: PackagePath,
  service: GitService,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort(new Error('the client closed the connection'));
  response.once('close', onClose);
  try {
    await backend.slots.run(async () => {
      backend.running.inc();
      try {
        await withDeadline(
          { clock: backend.clock, ms: DEADLINE_MS, what: 'the git request', signal: gone.signal },
          (limited) => converse(backend, path, service, request, response, limited),
        );
      } finally {
        backend.running.dec();
      }
    }, gone.signal);
  } finally {
    response.off('close', onClose);
  }
}

async function converse(
  backend: GitBackend,
  path: PackagePath,
  service: GitService,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn('git', ['http-backend'], {
    cwd: '/',
    env: cgiEnv(backend.root, path, service, request),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const started = new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  const kill = (): void => killGroup(child);
  const words = collect(child.stderr, 2048, () => undefined);
  signal.addEventListener('abort', kill, { once: true });
  try {
    await started;
    const fed = feed(request, child);
    const answered = pass(child, response);
    // Whichever fails first ends the process, which ends the other.
    await Promise.all(
      [fed, answered].map((part) =>
        part.catch((error: unknown) => {
          kill();
          throw error;
        }),
      ),
    );
  } catch (error) {
    throw new Error(`git http-backend: ${words().toString().trim() || String(error)}`);
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
    await ended;
  }
}

async function feed(request: IncomingMessage, child: ChildProcess): Promise<void> {
  if (!child.stdin) return;
  try {
    await pipeline(request, child.stdin);
  } catch (error) {
    // git may answer, an error for instance, before it has read everything.
    if (!hasCode(error, 'EPIPE')) throw error;
  }
}

async function pass(child: ChildProcess, response: ServerResponse): Promise<void> {
  const output = child.stdout;
  if (!output) return;
  const head = await readCgiHead(output);
  response.writeHead(head.status, head.headers.flat());
  response.write(head.rest);
  await pipeline(output, response);
}

function cgiEnv(
  root: string,
  path: PackagePath,
  service: GitService,
  request: IncomingMessage,
): Record<string, string> {
  const env: Record<string, string> = {
    ...TOOL_ENV,
    ...gitEnv(),
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_HTTP_MAX_REQUEST_BUFFER: MAX_REQUEST,
    PATH_INFO: `/${path.owner}/${path.project}/${path.package}.git/${service}`,
    QUERY_STRING: service === 'info/refs' ? 'service=git-upload-pack' : '',
    REQUEST_METHOD: service === 'info/refs' ? 'GET' : 'POST',
    SERVER_PROTOCOL: 'HTTP/1.1',
  };
  const { headers } = request;
  const passed: [string, string | undefined, RegExp][] = [
    ['CONTENT_TYPE', headers['content-type'], /^[\w./+-]{1,100}$/],
    ['CONTENT_LENGTH', headers['content-length'], /^[0-9]{1,12}$/],
    ['HTTP_CONTENT_ENCODING', headers['content-encoding'], /^(?:x-)?gzip$/],
    ['GIT_PROTOCOL', String(headers['git-protocol'] ?? ''), /^version=[0-9]$/],
  ];
  for (const [key, value, shape] of passed) {
    if (value !== undefined && shape.test(value)) env[key] = value;
  }
  return env;
}
