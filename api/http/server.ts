import { createServer, type RequestListener, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { listen } from '../../lib/listen.ts';
import type { InFlight } from './in-flight.ts';

export interface ServerOptions {
  /** 0 takes any free port. */
  port: number;
  host?: string;
  listener: RequestListener;
  inFlight: InFlight;
  clock: Clock;
  /** A connection on which nothing moves for so long ends. Default 75 s. */
  idleMs?: number;
  /** Within so long the head of a request must have come. Default 15 s. */
  headersMs?: number;
}

export interface HttpServer {
  readonly port: number;
  /** Takes no more requests, lets those under way end for at most `ms`, then ends them. True when all ended by themselves. */
  stop(ms: number): Promise<boolean>;
}

const IDLE_MS = 75_000;
const HEADERS_MS = 15_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 4096;

/** Resolves once it listens. */
export async function startServer(options: ServerOptions): Promise<HttpServer> {
  const { inFlight, clock } = options;
  const headersTimeout = options.headersMs ?? HEADERS_MS;
  const server = createServer(
    {
      headersTimeout,
      connectionsCheckingInterval: Math.min(headersTimeout / 2, 5_000),
      // Uploads may take hours; each request has a deadline of its own (in-flight.ts).
      requestTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Longer than proxies keep theirs: who closes first must be the one that sends.
      keepAliveTimeout: 70_000,
    },
    options.listener,
  );
  server.timeout = options.idleMs ?? IDLE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', refuse);
  const watching = new AbortController();
  const watch = inFlight.watch(watching.signal);
  const port = await listen(server, { port: options.port, host: options.host });
  return {
    port,
    async stop(ms) {
      const clean = await drain(server, inFlight, clock, ms);
      watching.abort();
      await watch;
      return clean;
    },
  };
}

async function drain(server: Server, inFlight: InFlight, clock: Clock, ms: number): Promise<boolean> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = new AbortController();
  const clean = await Promise.race([
    inFlight.drain().then(() => true),
    clock.sleep(ms, timer.signal).then(
      () => false,
      () => true,
    ),
  ]);
  timer.abort();
  inFlight.abortAll();
  // A moment for the last answers to leave.
  if (clean) server.closeIdleConnections();
  await Promise.race([closed, clock.sleep(clean ? 500 : 0)]);
  server.closeAllConnections();
  await closed;
  return clean;
}

/** What is no HTTP at all, or has a head that is too long, never reaches a route; it is told in the same shape. */
function refuse(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = refusal(error.code);
  const body = JSON.stringify({ error: message });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function refusal(code: string | undefined): [string, string] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return ['431 Request Header Fields Too Large', 'The address and headers of the request are too long.'];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['408 Request Timeout', 'The request took too long to arrive.'];
  return ['400 Bad Request', 'The request is not HTTP.'];
}
