/**
 * How to reach and convince an API server. Inside a cluster the service account's files are read directly, which
 * spares the process client-node's 90 MB of generated models; a kubeconfig file goes through client-node, which
 * knows every way of logging in (exec plugins, OIDC, client certificates).
 */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';

import type { Clock } from '../lib/clock.ts';

export interface Credentials {
  headers: Record<string, string>;
  tls: {
    ca?: string | Buffer;
    cert?: string | Buffer;
    key?: string | Buffer;
    servername?: string;
    rejectUnauthorized?: boolean;
  };
}

export interface ClusterAccess {
  /** Origin without a trailing slash, such as https://10.96.0.1:443. A path prefix is kept. */
  readonly server: string;
  /** The namespace of the kubeconfig's context or of the pod. */
  readonly namespace: string;
  /** Reads what may have been rotated. The result is cached for up to a minute; `fresh` skips the cache (after a 401). */
  credentials(fresh?: boolean): Promise<Credentials>;
}

const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Tokens of service accounts live an hour and are replaced on disk well before their end. */
const CREDENTIALS_TTL_MS = 60_000;

export interface AccessOptions {
  clock: Clock;
  /** Path of a kubeconfig. Without it the pod's service account is used. */
  kubeconfig?: string;
  context?: string;
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which every pod has. */
  serviceHost?: string;
  servicePort?: string;
  serviceAccountDir?: string;
}

export async function loadAccess(options: AccessOptions): Promise<ClusterAccess> {
  if (options.kubeconfig !== undefined) return loadKubeconfig(options.kubeconfig, options);
  const { serviceHost, servicePort } = options;
  if (!serviceHost || !servicePort) {
    throw new Error('no API server is configured: set KUBECONFIG to a kubeconfig file, or run inside a pod');
  }
  const dir = options.serviceAccountDir ?? SERVICE_ACCOUNT_DIR;
  const host = serviceHost.includes(':') ? `[${serviceHost}]` : serviceHost;
  const namespace = (await readFile(join(dir, 'namespace'), 'utf8')).trim();
  return {
    server: `https://${host}:${servicePort}`,
    namespace,
    credentials: cached(options.clock, async () => ({
      headers: { authorization: `Bearer ${(await readFile(join(dir, 'token'), 'utf8')).trim()}` },
      tls: { ca: await readFile(join(dir, 'ca.crt')) },
    })),
  };
}

/** Access without any login, for servers of tests. */
export function anonymousAccess(server: string): ClusterAccess {
  return {
    server: server.replace(/\/+$/, ''),
    namespace: 'default',
    credentials: async () => ({ headers: {}, tls: {} }),
  };
}

async function loadKubeconfig(path: string, options: AccessOptions): Promise<ClusterAccess> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(path);
  if (options.context !== undefined) config.setCurrentContext(options.context);
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error(`kubeconfig ${path} names no cluster for its current context; check current-context`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    credentials: cached(options.clock, async () => {
      const request: RequestOptions = {};
      await config.applyToHTTPSOptions(request);
      return toCredentials(request);
    }),
  };
}

function toCredentials(request: RequestOptions): Credentials {
  const headers: Record<string, string> = {};
  if (request.headers && !Array.isArray(request.headers)) {
    for (const [name, value] of Object.entries(request.headers)) headers[name.toLowerCase()] = String(value);
  }
  if (request.auth) headers.authorization = `Basic ${Buffer.from(request.auth).toString('base64')}`;
  const tls: Credentials['tls'] = {};
  if (request.ca) tls.ca = request.ca as string | Buffer;
  if (request.cert) tls.cert = request.cert as string | Buffer;
  if (request.key) tls.key = request.key as string | Buffer;
  if (request.servername) tls.servername = request.servername;
  if (request.rejectUnauthorized !== undefined) tls.rejectUnauthorized = request.rejectUnauthorized;
  return { headers, tls };
}

function cached(clock: Clock, load: () => Promise<Credentials>): (fresh?: boolean) => Promise<Credentials> {
  let current: { at: number; value: Promise<Credentials> } | undefined;
  return (fresh = false) => {
    const now = clock.monotonic();
    if (current && !fresh && now - current.at < CREDENTIALS_TTL_MS) return current.value;
    const entry = { at: now, value: load() };
    // A failed read must not be remembered for a minute.
    entry.value.catch(() => {
      if (current === entry) current = undefined;
    });
    current = entry;
    return entry.value;
  };
}
