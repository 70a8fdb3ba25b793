import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { BlockList } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage, hasCode } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { type ClientLimit, clientAddress } from './client-limit.ts';
import { type GitBackend, serveGit } from './git-backend.ts';
import { type Layout, lookasideFile, repositoryDir, taskLogPath } from './layout.ts';
import type { Metrics } from './metrics.ts';
import { type Route, routeOf } from './public-routes.ts';
import type { ReadAccess } from './read-access.ts';
import { SAFE_HEADERS, serveFile } from './serve-file.ts';

export interface PublicOptions {
  layout: Layout;
  log: Logger;
  metrics: Metrics;
  git: GitBackend;
  access: ReadAccess;
  requests: ClientLimit;
  /** Those whose word on the address of a client is taken. */
  trustedProxies: BlockList;
}

const INDEX = `kopr distgit

  git clone <here>/git/<owner>/<project>/<package>
  <here>/repo/pkgs/<owner>/<project>/<package>/<file>/<md5|sha256|sha512>/<hash>/<file>
  <here>/per-task-logs/<build>.log

Read-only. Status: ok
`;
/** Basic as well: git and curl know how to ask their user for it. The token is the password. */
const CHALLENGES = ['Bearer realm="kopr distgit"', 'Basic realm="kopr distgit"'];
/** A connection on which nothing moves for so long is closed. git sends a keep-alive every few seconds. */
const IDLE_MS = 120_000;
const UNREAD_GRACE_MS = 500;

/** What may be read: git and lookaside of a package by its builds, import logs; or all of it by everybody. */
export function createPublicServer(options: PublicOptions): Server {
  const server = createServer((request, response) => {
    const route = routeOf(request.url ?? '/');
    response.once('close', () => {
      options.metrics.requests.inc({ route: route?.kind ?? 'none', status: String(response.statusCode) });
    });
    response.once('finish', () => {
      if (!request.complete) endUnread(options.git.clock, request);
    });
    const release = options.requests.enter(clientAddress(request, options.trustedProxies));
    if (!release) {
      // Nothing but a cut connection keeps such a client from sending on.
      response.setHeader('connection', 'close');
      return busy(response, 'too many open requests from your address');
    }
    response.once('close', release);
    handle(options, route, request, response).catch((error: unknown) => {
      if (request.destroyed || response.destroyed) return;
      options.log.warn({ url: request.url, error: errorMessage(error) }, 'public request failed');
      // Once the answer has begun, only a cut connection tells the client that it is not whole.
      if (response.headersSent) response.destroy();
      else text(response, 500, 'distgit could not answer; try again\n');
    });
  });
  server.headersTimeout = 15_000;
  server.requestTimeout = 120_000;
  server.setTimeout(IDLE_MS);
  return server;
}

/** A client that is answered but still talks gets a moment to read the answer, then its connection is cut. */
function endUnread(clock: Clock, request: IncomingMessage): void {
  clock
    .sleep(UNREAD_GRACE_MS)
    .then(() => request.complete || request.socket.destroy())
    .catch(() => undefined);
}

async function handle(
  options: PublicOptions,
  route: Route | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!route) return text(response, 404, 'there is nothing here\n');
  if (route.kind === 'push') return text(response, 403, 'this repository is read-only; submit a build to change it\n');
  if (route.kind === 'dumb') return text(response, 403, 'only the smart protocol of git is served\n');
  const method = route.kind === 'git' && route.service === 'git-upload-pack' ? ['POST'] : ['GET', 'HEAD'];
  if (!method.includes(request.method ?? '')) {
    response.setHeader('allow', method.join(', '));
    return text(response, 405, `only ${method.join(' and ')} is possible here\n`);
  }
  if (route.kind === 'index') return text(response, 200, INDEX);
  const denial = await options.access.denial(route, request.headers.authorization);
  if (denial) {
    if (denial.status === 401) response.setHeader('www-authenticate', CHALLENGES);
    return text(response, denial.status, `${denial.message}\n`);
  }
  const audience = options.access.publicReads ? 'public' : 'private';
  switch (route.kind) {
    case 'git':
      return gitRequest(options, route, request, response);
    case 'lookaside': {
      const { path, file, hashtype, hash } = route;
      const found = await serveFile(
        lookasideFile(options.layout, path, file, hashtype, hash),
        {
          'content-type': 'application/octet-stream',
          'cache-control': `${audience}, max-age=31536000, immutable`,
          etag: `"${hashtype}-${hash}"`,
        },
        request,
        response,
      );
      return found
        ? undefined
        : text(response, 404, `${path.owner}/${path.project}/${path.package} has no such file\n`);
    }
    case 'log': {
      const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': `${audience}, no-cache` };
      const found = await serveFile(taskLogPath(options.layout, route.build), headers, request, response);
      return found ? undefined : text(response, 404, `there is no import log of build ${route.build}, or no longer\n`);
    }
  }
}

async function gitRequest(
  options: PublicOptions,
  route: Extract<Route, { kind: 'git' }>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { owner, project, package: name } = route.path;
  try {
    await stat(repositoryDir(options.layout, route.path));
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    return text(response, 404, `there is no repository ${owner}/${project}/${name}\n`);
  }
  if (options.git.slots.queued >= options.git.maxQueue) return busy(response, 'too many git requests');
  const release = options.git.clients.enter(clientAddress(request, options.trustedProxies));
  if (!release) return busy(response, 'too many git requests from your address');
  try {
    await serveGit(options.git, route.path, route.service, request, response);
  } finally {
    release();
  }
}

function busy(response: ServerResponse, what: string): void {
  response.setHeader('retry-after', '5');
  text(response, 503, `${what}; try again in some seconds\n`);
}

function text(response: ServerResponse, status: number, content: string): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(content),
    ...SAFE_HEADERS,
  });
  response.end(content);
}
