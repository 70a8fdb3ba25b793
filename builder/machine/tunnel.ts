import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer, Agent as HttpAgent, request as startRequest } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import type { Logger } from '../../lib/log.ts';
import type { AllowedPlace } from './allowed.ts';
import { isAllowedAuthority, isAllowedURL } from './allowed.ts';

export interface Tunnel {
  /** Serves one connection of the far side. */
  serve(connection: Duplex): void;
  close(): void;
}

const IDLE_MS = 60_000;
/** What a client of repositories says; nothing else is passed on. */
const REQUEST_HEADERS = [
  'accept',
  'accept-encoding',
  'cache-control',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'pragma',
  'range',
  'user-agent',
] as const;
/** Of one connection; they are no business of the next. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * An HTTP proxy whose clients come over the SSH connection. The far side is a stranger to the network that this process
 * is in: it gets at the repositories of its task and at nothing else.
 */
export function createTunnel(places: readonly AllowedPlace[], log: Logger): Tunnel {
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 16, timeout: IDLE_MS });
  const open = new Set<Duplex>();
  const server: Server = createServer({ keepAliveTimeout: IDLE_MS }, (incoming, response) => {
    fetchFor(incoming, response, places, agent, log);
  });
  server.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    passOn(incoming.url ?? '', socket, head, places, log);
  });
  server.on('clientError', (_error, socket) => void socket.destroy());
  return {
    serve(connection) {
      open.add(connection);
      connection.on('error', () => connection.destroy());
      connection.on('close', () => open.delete(connection));
      server.emit('connection', connection);
    },
    close() {
      for (const connection of open) connection.destroy();
      agent.destroy();
      server.close();
    },
  };
}

function fetchFor(
  incoming: IncomingMessage,
  response: ServerResponse,
  places: readonly AllowedPlace[],
  agent: HttpAgent,
  log: Logger,
): void {
  const target = incoming.url ?? '';
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (incoming.method !== 'GET' && incoming.method !== 'HEAD') {
    refuse(response, 405, 'only GET and HEAD are passed on');
    return;
  }
  if (url === undefined || url.username !== '' || !isAllowedURL(url, places)) {
    log.warn({ host: url?.host, path: url?.pathname }, 'the machine asked for what is not of a repository of the task');
    refuse(response, 403, 'this is not in a repository of the task');
    return;
  }
  const outgoing = startRequest(url, {
    agent,
    method: incoming.method,
    headers: picked(incoming.headers),
    timeout: IDLE_MS,
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error(`${url.host} did not answer within ${IDLE_MS / 1000} s`)));
  outgoing.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else refuse(response, 502, `${url.host} cannot be reached: ${error.message}`);
  });
  outgoing.on('response', (answer) => {
    const headers = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name));
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(headers));
    // A failure on either side ends both.
    pipeline(answer, response, () => undefined);
  });
  response.on('close', () => outgoing.destroy());
  outgoing.end();
}

function passOn(target: string, socket: Duplex, head: Buffer, places: readonly AllowedPlace[], log: Logger): void {
  socket.on('error', () => socket.destroy());
  if (!isAllowedAuthority(target, places)) {
    log.warn({ host: target }, 'the machine asked for a host that has no repository of the task');
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    return;
  }
  const colon = target.lastIndexOf(':');
  const host = target.slice(0, colon).replace(/^\[|]$/g, '');
  const upstream = connect({ host, port: Number(target.slice(colon + 1)), timeout: IDLE_MS });
  upstream.on('timeout', () => upstream.destroy(new Error('idle for too long')));
  upstream.on('connect', () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) upstream.write(head);
    pipeline(socket, upstream, () => undefined);
    pipeline(upstream, socket, () => undefined);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('close', () => upstream.destroy());
}

function picked(headers: IncomingHttpHeaders): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of REQUEST_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string') found[name] = value;
  }
  return found;
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(sentence) });
  response.end(sentence);
}
