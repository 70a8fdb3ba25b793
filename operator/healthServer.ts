/** /healthz, /readyz and /metrics on one port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Registry } from 'prom-client';

import { errorMessage } from '../lib/errors.ts';

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface HealthServerOptions {
  /** 0 takes a free one. */
  port: number;
  host?: string;
  registry: Registry;
  /** What keeps the process from being healthy or ready, or undefined. */
  unhealthy: () => string | undefined;
  unready: () => string | undefined;
}

export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { registry } = options;
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0];
    const answer = (problem: string | undefined): void => {
      response.writeHead(problem === undefined ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(`${problem ?? 'ok'}\n`);
    };
    if (path === '/healthz' || path === '/livez') return answer(options.unhealthy());
    if (path === '/readyz') return answer(options.unready());
    if (path !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('there are /healthz, /readyz and /metrics\n');
      return;
    }
    registry.metrics().then(
      (text) => {
        response.writeHead(200, { 'content-type': registry.contentType });
        response.end(text);
      },
      (error: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
        response.end(`${errorMessage(error)}\n`);
      },
    );
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
