import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Registry } from 'prom-client';
import { errorMessage, TerminalError } from '../errors.ts';
import { listen } from '../listen.ts';

export interface HealthServerOptions {
  /** 0 takes any free port. */
  port: number;
  /** Address to listen on; default all. */
  host?: string;
  registry: Registry;
  /** Undefined when ready, else one sentence that says what is missing. Everybody may read it: it names nothing of a tenant. */
  ready: () => string | undefined;
  /** File with the bearer token that `/metrics` asks for; undefined: there is no `/metrics`. */
  metricsTokenFile: string | undefined;
  /** Within so many milliseconds a client must have sent its request, else its connection ends at most half as much later. Default 10 s. */
  requestMs?: number;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Builds reach this port where NetworkPolicies are not enforced. To take the connections of the probes away it needs as
 * many pods together as there are shares, at least 64; a kubelet and a Prometheus need one or two connections each.
 */
const MAX_CONNECTIONS = 256;
const MAX_PER_ADDRESS = 4;
const REQUEST_MS = 10_000;
const MIN_TOKEN_CHARACTERS = 16;

/**
 * What every process shows on its metrics port: `/healthz` (200 while the event loop turns), `/readyz` (200, or 503 with the reason) and,
 * if so wanted and for the holder of the token, `/metrics`. Resolves once it listens; rejects when the port is taken, and with TerminalError
 * `MetricsTokenUnusable` when the token cannot be read. The file is read anew for each request, so that a new token needs no restart.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  if (options.metricsTokenFile !== undefined) await readToken(options.metricsTokenFile);
  const requestMs = options.requestMs ?? REQUEST_MS;
  const limits = {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    // By itself Node looks for late requests only every 30 s.
    connectionsCheckingInterval: requestMs / 2,
  };
  const server = createServer(limits, (request, response) => {
    answer(options, request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  limitAddresses(server);
  const port = await listen(server, { port: options.port, host: options.host });
  return {
    port,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

async function answer(options: HealthServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'only GET is answered here\n');
    return;
  }
  const path = (request.url ?? '/').split('?', 1)[0];
  if (path === '/healthz') send(response, 200, 'ok\n');
  else if (path === '/readyz') {
    const reason = options.ready();
    send(response, reason === undefined ? 200 : 503, `${reason ?? 'ok'}\n`);
  } else if (path === '/metrics' && options.metricsTokenFile !== undefined) {
    await answerMetrics(options.registry, options.metricsTokenFile, request, response);
  } else send(response, 404, 'only /healthz and /readyz are answered here\n');
}

async function answerMetrics(
  registry: Registry,
  tokenFile: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined || !equal(given, await readToken(tokenFile))) {
    response.setHeader('www-authenticate', 'Bearer realm="kopr metrics"');
    send(response, 401, 'metrics are for the holder of their token only\n');
    return;
  }
  response.setHeader('content-type', registry.contentType);
  response.end(await registry.metrics());
}

async function readToken(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new TerminalError('MetricsTokenUnusable', `the token of the metrics cannot be read: ${errorMessage(error)}`);
  });
  const token = text.trim();
  if (token.length >= MIN_TOKEN_CHARACTERS && !/\s/.test(token)) return token;
  throw new TerminalError(
    'MetricsTokenUnusable',
    `the token of the metrics in ${file} must be one word of ${MIN_TOKEN_CHARACTERS} characters or more`,
  );
}

/** In constant time; digests, because the lengths must not tell either. */
function equal(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

function limitAddresses(server: Server): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    if (count > MAX_PER_ADDRESS) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
