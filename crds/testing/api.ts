import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { startEnvtest } from '../../operator/testing/envtest.ts';

/** A real etcd and kube-apiserver for one test file, and the few calls that the tests make. */
export interface TestApi {
  /** Path of its kubeconfig, of an administrator. */
  kubeconfig: string;
  /** Any request; the answer whatever its status. */
  call(method: Method, path: string, body?: unknown, contentType?: string): Promise<Answer>;
  /** As call, but an answer other than 2xx is an error that shows its message. */
  ok(method: Method, path: string, body?: unknown, contentType?: string): Promise<Json>;
  /** What `kubectl get` shows of an object. */
  table(path: string): Promise<{ columns: string[]; rows: unknown[][] }>;
  stop(): Promise<void>;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Json = Record<string, unknown>;
export interface Answer {
  status: number;
  body: Json;
}

export const APPLY = 'application/apply-patch+yaml';
export const MERGE = 'application/merge-patch+json';

/**
 * Not the server that other tests share: definitions and policies hold for a whole cluster, and Helm wants to be the
 * one who makes them.
 */
export async function startTestApi(): Promise<TestApi> {
  const { kubeconfig, stop } = await startEnvtest();
  const { server, ...tls } = accessFrom(readFileSync(kubeconfig, 'utf8'));
  const agent = new Agent({ connect: tls, pipelining: 1 });

  async function call(
    method: Method,
    target: string,
    body?: unknown,
    contentType = 'application/json',
    accept = 'application/json',
  ): Promise<Answer> {
    const response = await request(server + target, {
      dispatcher: agent,
      method,
      headers: { accept, ...(body === undefined ? {} : { 'content-type': contentType }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.body.text();
    return { status: response.statusCode, body: text.startsWith('{') ? (JSON.parse(text) as Json) : { text } };
  }

  return {
    kubeconfig,
    call,
    async ok(method, target, body, contentType) {
      const answer = await call(method, target, body, contentType);
      if (answer.status >= 300) throw new Error(`${method} ${target}: ${answer.status} ${String(answer.body.message)}`);
      return answer.body;
    },
    async table(path) {
      const answer = await call('GET', path, undefined, undefined, 'application/json;as=Table;v=v1;g=meta.k8s.io');
      const { columnDefinitions, rows } = answer.body as {
        columnDefinitions: { name: string }[];
        rows: { cells: unknown[] }[];
      };
      return { columns: columnDefinitions.map(({ name }) => name), rows: rows.map(({ cells }) => cells) };
    },
    async stop() {
      await agent.close();
      await stop();
    },
  };
}

function accessFrom(text: string): { server: string; ca: Buffer; cert: Buffer; key: Buffer } {
  const config = JSON.parse(text) as {
    clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
    users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
  };
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (!cluster || !user) throw new Error('the kubeconfig of the API server for tests names no cluster or no user');
  return {
    server: cluster.server,
    ca: Buffer.from(cluster['certificate-authority-data'], 'base64'),
    cert: Buffer.from(user['client-certificate-data'], 'base64'),
    key: Buffer.from(user['client-key-data'], 'base64'),
  };
}

/** Asks again until `ready` accepts the answer, for at most 30 s. */
export async function eventually<T>(what: string, ask: () => Promise<T>, ready: (answer: T) => boolean): Promise<T> {
  let last: T | undefined;
  for (let attempt = 0; attempt < 150; attempt++) {
    last = await ask();
    if (ready(last)) return last;
    await sleep(200);
  }
  throw new Error(`${what}: not within 30 s; last answer: ${JSON.stringify(last)}`);
}
