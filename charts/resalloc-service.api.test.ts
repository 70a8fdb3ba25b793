/** The interface of Resalloc as its own service account, with the rights and policies of the chart and no others. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Json, TestApi } from '../crds/testing/api.ts';
import { eventually, MERGE } from '../crds/testing/api.ts';
import { type RunningService, startService } from '../lib/testing/process.ts';
import { call, calls } from '../services/resalloc/testing/client.ts';
import { ROOT } from './testing/helm.ts';
import { useInstalledApi } from './testing/installed-api.ts';

const KOPR = '/apis/kopr.dev/v1alpha1/namespaces';
const directory = mkdtempSync(join(tmpdir(), 'kopr-resalloc-chart-'));
let api: TestApi;
let running: RunningService<{ http: number; metrics: number }> | undefined;
let url = '';

useInstalledApi(
  [],
  async (installed) => {
    ({ api } = installed);
    const { data } = (await api.ok('GET', '/api/v1/namespaces/kopr-system/secrets/kopr-resalloc')) as {
      data: { password: string };
    };
    const password = Buffer.from(data.password, 'base64').toString();
    writeFileSync(join(directory, 'password'), password);
    writeFileSync(join(directory, 'kubeconfig'), JSON.stringify(await kubeconfig()));
    await eventually(
      'the tickets',
      () => api.call('GET', `${KOPR}/kopr-system/buildertickets`),
      ({ status }) => status === 200,
    );
    running = await startService('resalloc', join(ROOT, 'services/resalloc/main.ts'), {
      KUBECONFIG: join(directory, 'kubeconfig'),
      KOPR_RELEASE_NAMESPACE: 'kopr-system',
      KOPR_PASSWORD_FILE: join(directory, 'password'),
      KOPR_HTTP_PORT: '0',
      KOPR_METRICS_PORT: '0',
    });
    url = `http://resalloc:${password}@127.0.0.1:${running.ports.http}`;
  },
  ['--set', 'resalloc.enabled=true'],
);

afterAll(async () => {
  await running?.end('SIGTERM');
  rmSync(directory, { recursive: true, force: true });
});

/** That of the service account, with a token as its pod has one. */
async function kubeconfig(): Promise<Json> {
  const admin = JSON.parse(readFileSync(api.kubeconfig, 'utf8')) as { users: { name: string }[] };
  const account = '/api/v1/namespaces/kopr-system/serviceaccounts/kopr-resalloc';
  const { status } = (await api.ok('POST', `${account}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  })) as { status: { token: string } };
  return { ...admin, users: admin.users.map(({ name }) => ({ name, user: { token: status.token } })) };
}

it('the service lends a machine and takes it back', { timeout: 60_000 }, async () => {
  const number = Number(await call(url, 'takeTicket', ['copr_builder', 'arch_x86_64'], 'alice/hello--alice'));
  const path = `${KOPR}/kopr-system/buildertickets/resalloc-${number}`;
  expect(await call(url, 'collectTicket', number)).toMatchObject({ ready: false });
  const output = call(url, 'waitTicket', number);
  const status = { phase: 'Assigned', assignedAt: '2026-01-01T00:00:00Z', output: btoa('192.0.2.7\n') };
  await api.ok('PATCH', `${path}/status`, { status }, MERGE);
  expect(await output).toEqual({ binary: '192.0.2.7\n' });
  expect(await calls(url, ['closeTicket', number], ['closeTicket', number], ['collectTicket', number])).toEqual([
    { value: null },
    { value: null },
    { value: { ready: true, output: { binary: '192.0.2.7\n' }, closed: true, failed: false } },
  ]);
  expect((await api.ok('GET', path)).spec).toMatchObject({ owner: 'resalloc', closed: true });
});

it('its account may do nothing else', async () => {
  const ask = async (verb: string, group: string, resource: string, namespace: string): Promise<unknown> => {
    const user = 'system:serviceaccount:kopr-system:kopr-resalloc';
    const { status } = (await api.ok('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, resourceAttributes: { verb, group, resource, namespace } },
    })) as { status: { allowed: boolean } };
    return status.allowed;
  };
  expect(await ask('create', 'kopr.dev', 'buildertickets', 'kopr-system')).toBe(true);
  for (const [verb, group, resource, namespace] of [
    ['create', 'kopr.dev', 'buildertickets', 'demo'],
    ['list', 'kopr.dev', 'builders', 'kopr-builds'],
    ['patch', 'kopr.dev', 'builderpools', 'kopr-builds'],
    ['get', '', 'secrets', 'kopr-system'],
    ['list', '', 'configmaps', 'kopr-system'],
    ['create', '', 'pods', 'kopr-system'],
  ] as const) {
    expect(await ask(verb, group, resource, namespace), `${verb} ${resource}`).toBe(false);
  }
});
