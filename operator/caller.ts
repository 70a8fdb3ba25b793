/** One request with its deadline, its retries and its errors; what client.ts makes the verbs of. */
import type { Registry } from 'prom-client';

import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Logger } from '../lib/log.ts';
import type { ClusterAccess } from './access.ts';
import type { ApiRequest, ApiResponse } from './apiClient.ts';
import { ApiError, apiErrorFrom } from './apiError.ts';
import { clientMetrics } from './metrics.ts';
import type { RetryPolicy } from './retry.ts';
import { defaultRetryPolicy, retryDelayMs } from './retry.ts';
import type { TransportRequest } from './transport.ts';
import { createTransport } from './transport.ts';

export interface ClientOptions {
  access: ClusterAccess;
  clock: Clock;
  log: Logger;
  registry: Registry;
  userAgent: string;
  /** Deadline of one attempt. Default 30 s. */
  timeoutMs?: number;
  retry?: Partial<RetryPolicy>;
  random?: () => number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_WARNINGS = 200;
export interface Caller {
  readonly server: string;
  /** Sends, checks the status, and lets `read` consume the body, all within one deadline; again while policy allows. */
  call<R>(request: ApiRequest, read: (body: ApiResponse['body']) => Promise<R>): Promise<R>;
  /** One attempt without a deadline; the caller consumes the body. */
  open(request: ApiRequest): Promise<ApiResponse>;
  connectionsOpened(): number;
  close(): Promise<void>;
}

export function createCaller(options: ClientOptions): Caller {
  const { clock, log } = options;
  const random = options.random ?? Math.random;
  const policy = { ...defaultRetryPolicy, ...options.retry };
  const metrics = clientMetrics(options.registry);
  const transport = createTransport({ access: options.access, userAgent: options.userAgent, metrics });
  const host = new URL(transport.server).host;
  const warnings = createWarnings(log);

  async function call<R>(request: ApiRequest, read: (body: ApiResponse['body']) => Promise<R>): Promise<R> {
    const { method, path } = request;
    const idempotent = request.idempotent ?? (method === 'GET' || method === 'PUT' || method === 'DELETE');
    const timeoutMs = request.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let refreshed = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await withDeadline(
          { clock, ms: timeoutMs, what: `${method} ${path}`, signal: request.signal },
          async (signal) => {
            const response = await transport.send({ ...transportFields(request), signal });
            await throwUnlessSuccess(method, path, response);
            warnings.report(method, path, response.headers.warning);
            return read(response.body);
          },
        );
      } catch (error) {
        if (request.signal?.aborted) throw error;
        if (error instanceof ApiError && error.status === 401 && !refreshed) {
          refreshed = true;
          await transport.refreshCredentials();
          continue;
        }
        const delay = retryDelayMs(error, attempt, idempotent, policy, random());
        if (delay === undefined) throw error;
        metrics.retry(method, host);
        log.debug({ method, path, attempt, delayMs: Math.round(delay), err: error }, 'request will be repeated');
        await clock.sleep(delay, request.signal);
      }
    }
  }

  return {
    server: transport.server,
    call,
    async open(request) {
      const response = await transport.send(transportFields(request));
      await throwUnlessSuccess(request.method, request.path, response);
      return response;
    },
    connectionsOpened: () => transport.connectionsOpened(),
    close: () => transport.close(),
  };
}

/** What the server warns of (unknown fields it dropped, deprecated versions) is said once each. */
function createWarnings(log: Logger): {
  report(method: string, path: string, header: string | string[] | undefined): void;
} {
  const said = new Set<string>();
  return {
    report(method, path, header) {
      if (header === undefined) return;
      for (const match of [header]
        .flat()
        .join(', ')
        .matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
        const warning = (match[1] ?? '').replace(/\\(.)/g, '$1');
        if (said.has(warning) || said.size >= MAX_WARNINGS) continue;
        said.add(warning);
        log.warn({ method, path, warning }, 'the API server warns');
      }
    },
  };
}

function transportFields(request: ApiRequest): TransportRequest {
  return {
    method: request.method,
    path: request.path,
    ...(request.query === undefined ? {} : { query: request.query }),
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    ...(request.contentType === undefined ? {} : { contentType: request.contentType }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
}

async function throwUnlessSuccess(method: string, path: string, response: ApiResponse): Promise<void> {
  if (response.status >= 200 && response.status < 300) return;
  const retryAfter = response.headers['retry-after'];
  const header = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
  throw apiErrorFrom(method, path, response.status, await response.body.text(), header);
}
