/** An API server that the chart was installed into, for what its policies and roles let users do. */
import { afterAll, beforeAll, expect } from 'vitest';
import type { Answer, Json, TestApi } from '../../crds/testing/api.ts';
import { startTestApi } from '../../crds/testing/api.ts';
import type { Impersonator } from './as.ts';
import { impersonator } from './as.ts';
import { CHART, helm } from './helm.ts';

export const RBAC = '/apis/rbac.authorization.k8s.io/v1';
/** A ClusterRole with every right on every kind of kopr's. */
export const ALL_OF_KOPR = 'all-of-kopr';
/** Administers the cluster by RBAC, as where nobody is system:masters. */
export const ADMINISTRATOR = 'alice';

export interface Installed {
  api: TestApi;
  users: Impersonator;
}

/** Who gets which ClusterRole: everywhere, or in one namespace. */
export interface Grant {
  user: string;
  role: string;
  namespace?: string;
}

export const account = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`;

/**
 * One server for all tests of the file, with the chart as the release `kopr` in `kopr-system`. `take` gets it when all is
 * granted; the policies themselves take a moment longer. `args` are more arguments of Helm.
 */
export function useInstalledApi(
  grants: readonly Grant[],
  take: (installed: Installed) => Promise<void>,
  args: readonly string[] = [],
): void {
  let installed: Installed | undefined;
  beforeAll(async () => {
    const api = await startTestApi();
    const users = await impersonator(api.kubeconfig);
    installed = { api, users };
    const place = ['--namespace', 'kopr-system', '--create-namespace', '--kubeconfig', api.kubeconfig];
    await helm(['install', 'kopr', CHART, '--no-hooks', ...place, ...args]);
    const rules = [{ apiGroups: ['kopr.dev'], resources: ['*'], verbs: ['*'] }];
    await api.ok('POST', `${RBAC}/clusterroles`, { metadata: { name: ALL_OF_KOPR }, rules });
    for (const grant of [{ user: ADMINISTRATOR, role: 'cluster-admin' }, ...grants]) await bind(api, grant);
    await take(installed);
  }, 240_000);
  afterAll(async () => {
    await installed?.users.close();
    await installed?.api.stop();
  });
}

export async function bind(api: TestApi, { user, role, namespace }: Grant): Promise<void> {
  const path = namespace === undefined ? 'clusterrolebindings' : `namespaces/${namespace}/rolebindings`;
  await api.ok('POST', `${RBAC}/${path}`, {
    metadata: { name: `${user.replaceAll(':', '-')}-${role}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  });
}

/** The object of an answer that must be a good one. */
export async function made(answer: Promise<Answer>): Promise<Json> {
  const { status, body } = await answer;
  expect(status, String(body.message)).toBeLessThan(300);
  return body;
}
