import type { BlockList, Server, Socket } from 'node:net';
import { createServer as createPlainServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createServer as createTlsServer } from 'node:tls';
import { listen } from '../../lib/listen.ts';
import type { Logger } from '../../lib/log.ts';
import type { ConnectionLimits } from './connection.ts';
import { serveConnection, standardLimits } from './connection.ts';
import type { Metrics } from './metrics.ts';
import { commonNameOf, isInNetworks } from './peers.ts';
import type { ServerTls } from './tls.ts';

export interface SigndServerOptions {
  answer: (request: Buffer, peer: string) => Promise<Buffer>;
  maxConnections: number;
  log: Logger;
  metrics: Metrics;
  limits?: ConnectionLimits;
}

/** A listening server that can be drained. */
export interface Listening {
  port: number;
  connections(): number;
  /** Stops accepting, lets requests under way finish within `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>;
}

/** The signd protocol over TLS. Without a certificate of our authority the handshake fails; then the common name decides. */
export async function listenTls(
  port: number,
  tls: ServerTls,
  allowed: readonly string[],
  options: SigndServerOptions,
): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createTlsServer({ ...tls.serverOptions(), allowHalfOpen: true }, (socket: TLSSocket) => {
    const name = commonNameOf(socket);
    if (name !== undefined && allowed.includes(name)) {
      serve(socket, name, sockets, options);
      return;
    }
    const subject = name ?? 'without a common name';
    options.log.warn({ subject, address: socket.remoteAddress }, 'client certificate is not allowed');
    options.metrics.connectionsRefused.inc({ reason: 'subject' });
    serve(socket, subject, sockets, options, `the client certificate ${subject} is not allowed to use this server`);
  });
  server.on('tlsClientError', (error, socket) => {
    options.metrics.connectionsRefused.inc({ reason: 'handshake' });
    options.log.debug({ address: socket.remoteAddress, error: error.message }, 'TLS handshake failed');
  });
  tls.follow(server);
  return open(server, port, sockets, options);
}

/** The signd protocol over plain TCP for hosts of `networks` alone. */
export async function listenPlain(port: number, networks: BlockList, options: SigndServerOptions): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createPlainServer({ allowHalfOpen: true }, (socket) => {
    const address = socket.remoteAddress ?? 'unknown';
    if (isInNetworks(networks, socket.remoteAddress)) {
      serve(socket, `address ${address}`, sockets, options);
      return;
    }
    options.log.warn({ address }, 'address is not allowed');
    options.metrics.connectionsRefused.inc({ reason: 'address' });
    serve(socket, address, sockets, options, `illegal host IP: ${address} is not allowed to use this server`);
  });
  return open(server, port, sockets, options);
}

function serve(
  socket: Socket,
  peer: string,
  sockets: Set<Socket>,
  options: SigndServerOptions,
  refusal?: string,
): void {
  sockets.add(socket);
  socket.setNoDelay(true);
  const onDeadline = (what: string): void => {
    options.metrics.connectionsRefused.inc({ reason: 'deadline' });
    options.log.warn({ peer, what, address: socket.remoteAddress }, 'connection exceeded its deadline');
  };
  const answer = (request: Buffer): Promise<Buffer> => options.answer(request, peer);
  void serveConnection(socket, answer, options.limits ?? standardLimits, onDeadline, refusal).then(() =>
    sockets.delete(socket),
  );
}

async function open(
  server: Server,
  port: number,
  sockets: Set<Socket>,
  options: SigndServerOptions,
): Promise<Listening> {
  server.maxConnections = options.maxConnections;
  server.on('drop', () => options.metrics.connectionsRefused.inc({ reason: 'limit' }));
  const bound = await listen(server, { port });
  return {
    port: bound,
    connections: () => sockets.size,
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
