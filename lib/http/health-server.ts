import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthServerOptions {
  /** 0 takes any free port. */
  port: number;
  /** Address to listen on; default all. */
  host?: string;
  registry: Registry;
  /** Undefined when ready, else one sentence that says what is missing. */
  ready: () => string | undefined;
}

export interface HealthServer {
  port: number;
  close(): Promise<void>;
}

/**
 * What every process shows on its metrics port: `/healthz` (200 while the event loop turns), `/readyz` (200, or 503 with the reason) and
 * `/metrics`. Resolves once it listens; rejects when the port is taken.
 */
export function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host }, () => {
      server.off('error', reject);
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
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
  } else if (path === '/metrics') {
    response.setHeader('content-type', options.registry.contentType);
    response.end(await options.registry.metrics());
  } else send(response, 404, 'only /healthz, /readyz and /metrics are answered here\n');
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
