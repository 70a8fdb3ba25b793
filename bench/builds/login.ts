import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { ApiClient } from '../../operator/client.ts';

const NAME = 'operator';
const RBAC = 'rbac.authorization.k8s.io';
const SECONDS = 4 * 3_600;

/**
 * A kubeconfig with the token of a ServiceAccount, as a pod has it: the API server looks at such a token once in a
 * while, and at an administrator's certificate with each request. Returns the path, beside the administrator's.
 */
export async function loginAsOperator(client: ApiClient, admin: string, namespace: string): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await client.request({ method: 'POST', path: accounts, body: { metadata: { name: NAME } } });
  await client.request({
    method: 'POST',
    path: `/apis/${RBAC}/v1/clusterrolebindings`,
    body: {
      metadata: { name: NAME },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: NAME, namespace }],
    },
  });
  const { status } = await client.request<{ status: { token: string } }>({
    method: 'POST',
    path: `${accounts}/${NAME}/token`,
    body: { spec: { expirationSeconds: SECONDS } },
  });
  const config = parse(await readFile(admin, 'utf8')) as { users: unknown; contexts: { context: { user: string } }[] };
  config.users = [{ name: NAME, user: { token: status.token } }];
  for (const { context } of config.contexts) context.user = NAME;
  const path = join(dirname(admin), 'operator.kubeconfig');
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}
