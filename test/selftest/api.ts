import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const DEADLINE_MS = 15_000;

export interface Answer {
  status: number;
  body: unknown;
}

export interface Api {
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer>;
}

/** The API server as this pod's own service account may use it. */
export function connectInCluster(host: string, port: string, account = ACCOUNT): Api {
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const dispatcher = new Agent({ connect: { ca: readFileSync(`${account}/ca.crt`) } });
  return {
    async call(method, path, body) {
      const response = await request(server + path, {
        dispatcher,
        method,
        headers: {
          authorization: `Bearer ${readFileSync(`${account}/token`, 'utf8').trim()}`,
          'content-type': 'application/json',
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
      return { status: response.statusCode, body: await response.body.json() };
    },
  };
}
