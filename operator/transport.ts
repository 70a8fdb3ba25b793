/**
 * One attempt at one HTTP request, all of them over ONE undici Agent: a connection is reused, never made per call.
 * HTTP/1.1 on purpose: with HTTP/2 every watch and call would share one connection and die, or stall, together.
 */
import { createHash } from 'node:crypto';
import { Agent } from 'undici';

import type { ClusterAccess, Credentials } from './access.ts';
import type { ApiResponse, Method } from './apiClient.ts';
import type { ClientMetrics } from './metrics.ts';

export interface TransportRequest {
  method: Method;
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: string;
  contentType?: string;
  accept?: string;
  signal?: AbortSignal;
}

export interface Transport {
  readonly server: string;
  /** Resolves when the headers are in. Has no timeout of its own: the caller's signal is the deadline. */
  send(request: TransportRequest): Promise<ApiResponse>;
  /** Makes the next request read its credentials anew. */
  refreshCredentials(): Promise<void>;
  /** TCP connections opened since the start. */
  connectionsOpened(): number;
  close(): Promise<void>;
}

/** Bounds sockets when something misbehaves; about 15 watches and a few dozen calls are normal. */
const MAX_CONNECTIONS = 256;

export function createTransport(options: {
  access: ClusterAccess;
  userAgent: string;
  metrics: ClientMetrics;
}): Transport {
  const { access, userAgent, metrics } = options;
  const base = new URL(access.server);
  const prefix = base.pathname.replace(/\/+$/, '');
  let opened = 0;
  let current: { fingerprint: string; agent: Agent } | undefined;

  function agentFor(tls: Credentials['tls']): Agent {
    const fingerprint = tlsFingerprint(tls);
    if (current?.fingerprint === fingerprint) return current.agent;
    // A rotated client certificate needs new connections; requests under way end on the old agent.
    if (current) void current.agent.close();
    const agent = new Agent({
      connections: MAX_CONNECTIONS,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: 60_000,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 15_000, ...tls },
    });
    agent.on('connect', () => {
      opened += 1;
    });
    current = { fingerprint, agent };
    return agent;
  }

  return {
    server: access.server,
    async send(request) {
      const credentials = await access.credentials();
      const started = performance.now();
      const headers: Record<string, string> = {
        accept: request.accept ?? 'application/json',
        'user-agent': userAgent,
        ...credentials.headers,
      };
      if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json';
      try {
        const response = await agentFor(credentials.tls).request({
          origin: base.origin,
          path: prefix + request.path + queryString(request.query),
          method: request.method,
          headers,
          body: request.body ?? null,
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        });
        metrics.request(request.method, String(response.statusCode), base.host, performance.now() - started);
        return { status: response.statusCode, headers: response.headers, body: response.body };
      } catch (error) {
        metrics.request(request.method, '<error>', base.host, performance.now() - started);
        throw error;
      }
    },
    async refreshCredentials() {
      await access.credentials(true);
    },
    connectionsOpened: () => opened,
    async close() {
      await current?.agent.destroy();
    },
  };
}

function queryString(query: TransportRequest['query']): string {
  if (!query) return '';
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) params.set(name, String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

function tlsFingerprint(tls: Credentials['tls']): string {
  const hash = createHash('sha256');
  for (const part of [tls.ca, tls.cert, tls.key, tls.servername, String(tls.rejectUnauthorized)]) {
    hash.update(part ?? '').update('\0');
  }
  return hash.digest('hex');
}
