import { Agent, request } from 'undici';
import type { Answer, Json } from '../../crds/testing/api.ts';
import { systemClock } from '../../lib/clock.ts';
import { loadAccess } from '../../operator/access.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Asks an API server in the name of others, whom it takes for what they say: RBAC and policies decide for them. */
export interface Impersonator {
  /** Any request of the user; the answer whatever its status. Patches are merge patches unless a type is given. */
  as(user: string, method: Method, path: string, body?: unknown, contentType?: string): Promise<Answer>;
  close(): Promise<void>;
}

/** With the path of an administrator's kubeconfig. */
export async function impersonator(kubeconfig: string): Promise<Impersonator> {
  const access = await loadAccess({ clock: systemClock, kubeconfig });
  const { headers, tls } = await access.credentials();
  const agent = new Agent({ connect: tls, pipelining: 1 });
  return {
    async as(user, method, path, body, contentType) {
      const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
      const response = await request(access.server + path, {
        dispatcher: agent,
        method,
        headers: {
          ...headers,
          accept: 'application/json',
          'impersonate-user': user,
          ...(body === undefined ? {} : { 'content-type': type }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      });
      return { status: response.statusCode, body: (await response.body.json()) as Json };
    },
    close: () => agent.close(),
  };
}
