import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { NotAuthenticated, unavailable } from '../http/errors.ts';
import type { ClusterDecision, ServiceAccountCaller } from './access.ts';
import { Expiring } from './expiring.ts';

/** How long an answer of Kubernetes counts. */
const CACHE_MS = 10_000;
const TIMEOUT_MS = 5_000;
const MAX_TOKEN_CHARACTERS = 8192;

const review = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    user: z
      .object({
        username: z.string().default(''),
        uid: z.string().default(''),
        groups: z.array(z.string()).default([]),
      })
      .optional(),
  }),
});
const decision = z.object({ status: z.object({ allowed: z.boolean() }) });

export interface ServiceAccounts {
  check(token: string, signal: AbortSignal): Promise<ServiceAccountCaller>;
  decide: ClusterDecision;
}

/** Tokens of ServiceAccounts are checked by TokenReview, their rights by SubjectAccessReview. */
export function createServiceAccounts(client: Pick<ApiClient, 'request'>, clock: Clock): ServiceAccounts {
  const callers = new Expiring<ServiceAccountCaller | undefined>(clock, CACHE_MS);
  const decisions = new Expiring<boolean>(clock, CACHE_MS);

  // One question may serve many requests: none of their signals may end it.
  async function ask(path: string, body: unknown): Promise<unknown> {
    try {
      return await client.request({ method: 'POST', path, body, idempotent: true, timeoutMs: TIMEOUT_MS });
    } catch {
      throw unavailable('The cluster cannot say now who holds this token; try again in a moment.');
    }
  }

  async function whoHolds(token: string): Promise<ServiceAccountCaller | undefined> {
    const answer = await ask('/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token },
    });
    const { status } = review.parse(answer);
    const { user } = status;
    if (status.authenticated !== true || user === undefined) return undefined;
    if (!user.username.startsWith('system:serviceaccount:')) return undefined;
    return { kind: 'serviceAccount', name: user.username, uid: user.uid, groups: user.groups, isAdmin: false };
  }

  return {
    async check(token) {
      const key = createHash('sha256').update(token).digest('base64');
      const caller = token.length > MAX_TOKEN_CHARACTERS ? undefined : await callers.get(key, () => whoHolds(token));
      if (caller === undefined)
        throw new NotAuthenticated('This token is not that of a ServiceAccount of the cluster.');
      return caller;
    },
    decide(caller, { verb, resource, namespace, name }) {
      const attributes = { group: 'kopr.dev', verb, resource, namespace, ...(name === undefined ? {} : { name }) };
      const key = JSON.stringify([caller.name, caller.uid, attributes]);
      return decisions.get(key, async () => {
        const answer = await ask('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: { user: caller.name, uid: caller.uid, groups: caller.groups, resourceAttributes: attributes },
        });
        return decision.parse(answer).status.allowed;
      });
    },
  };
}
