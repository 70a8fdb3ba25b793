import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleOf } from '../crds/examples.ts';
import type { Answer, Json, TestApi } from '../crds/testing/api.ts';
import { eventually, startTestApi } from '../crds/testing/api.ts';
import type { Impersonator } from './testing/as.ts';
import { impersonator } from './testing/as.ts';
import { CHART, helm } from './testing/helm.ts';

let api: TestApi;
let users: Impersonator;

const OPERATOR = 'system:serviceaccount:kopr-system:kopr-operator';
const API = 'system:serviceaccount:kopr-system:kopr-api';
/** Has every right on kopr's kinds. */
const TENANT = 'system:serviceaccount:demo:maker';
const ADMINISTRATOR = 'alice';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const BUILDS = '/apis/kopr.dev/v1alpha1/namespaces/demo/builds';
const PROJECTS = '/apis/kopr.dev/v1alpha1/namespaces/demo/projects';

beforeAll(async () => {
  api = await startTestApi();
  users = await impersonator(api.kubeconfig);
  const target = ['--namespace', 'kopr-system', '--create-namespace', '--no-hooks', '--kubeconfig', api.kubeconfig];
  await helm(['install', 'kopr', CHART, ...target]);
  await api.ok('POST', '/api/v1/namespaces', { metadata: { name: 'demo' } });
  await api.ok('POST', `${RBAC}/clusterroles`, {
    metadata: { name: 'all-of-kopr' },
    rules: [{ apiGroups: ['kopr.dev'], resources: ['*'], verbs: ['*'] }],
  });
  for (const [name, role, user] of [
    ['tenant', 'all-of-kopr', TENANT],
    // The operator makes no Builds of users; here it may, so that the policy alone decides.
    ['operator-too', 'all-of-kopr', OPERATOR],
    ['alice', 'cluster-admin', ADMINISTRATOR],
  ] as const) {
    await api.ok('POST', `${RBAC}/clusterrolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    });
  }
  await eventually(
    'the policy',
    () => users.as(TENANT, 'POST', `${BUILDS}?dryRun=All`, build('forged', ID)),
    ({ status, body }) => status === 403 && String(body.message).includes('kopr-reserved-metadata'),
  );
  for (const user of [OPERATOR, API, ADMINISTRATOR]) {
    await eventually(
      `the rights of ${user}`,
      () => users.as(user, 'POST', `${BUILDS}?dryRun=All`, build('probe')),
      ({ status }) => status === 201,
    );
  }
}, 120_000);

afterAll(async () => {
  await users.close();
  await api.stop();
});

const ID = { labels: { 'kopr.dev/id': '42' } };
const SUBMITTER = { annotations: { 'kopr.dev/submitter': 'alice' } };
const ARCHIVED = { annotations: { 'kopr.dev/archived': '2026-01-01T00:00:00Z' } };
const CASES: [string, Json, RegExp][] = [
  ['the label kopr.dev/id', ID, /the label kopr\.dev\/id is set and changed by kopr alone; leave it as it is/],
  ['the annotation kopr.dev/submitter', SUBMITTER, /the annotation kopr\.dev\/submitter is set and changed by kopr/],
  ['the annotation kopr.dev/archived', ARCHIVED, /the annotation kopr\.dev\/archived is set and changed by kopr/],
];

function build(name: string, metadata: Json = {}): Json {
  const { apiVersion, kind, spec } = exampleOf('Build');
  return { apiVersion, kind, spec, metadata: { ...metadata, name, namespace: 'demo' } };
}

async function made(answer: Promise<Answer>): Promise<Json> {
  const { status, body } = await answer;
  expect(status, String(body.message)).toBeLessThan(300);
  return body;
}

describe('what kopr notes on objects of users', () => {
  it.each(CASES)('is not put there by others: %s', async (_, metadata, message) => {
    const { status, body } = await users.as(TENANT, 'POST', BUILDS, build('forged', metadata));
    expect(body.message).toMatch(message);
    expect(status).toBe(403);
  });

  it.each(CASES)('is neither added, changed nor removed by others: %s', async (_, metadata, message) => {
    const name = `b${CASES.findIndex(([, one]) => one === metadata)}`;
    await made(users.as(TENANT, 'POST', BUILDS, build(name)));
    const change = (user: string, value: Json): Promise<Answer> =>
      users.as(user, 'PATCH', `${BUILDS}/${name}`, { metadata: value });
    const [[field, values]] = Object.entries(metadata) as [[string, Record<string, string>]];
    const [key = ''] = Object.keys(values);
    expect((await change(TENANT, metadata)).body.message).toMatch(message);
    await made(change(API, metadata));
    expect((await change(TENANT, { [field]: { [key]: '7' } })).body.message).toMatch(message);
    expect((await change(TENANT, { [field]: { [key]: null } })).body.message).toMatch(message);
    expect((await change(TENANT, { [field]: null })).status).toBe(403);
    await made(change(OPERATOR, { [field]: { [key]: '8' } }));
  });

  it('hinders nobody in changing the rest of such an object', async () => {
    await made(users.as(API, 'POST', BUILDS, build('mine', { ...ID, ...SUBMITTER })));
    const note = { metadata: { annotations: { note: 'mine' }, labels: { a: 'b' } }, spec: { cancelled: true } };
    const { metadata } = await made(users.as(TENANT, 'PATCH', `${BUILDS}/mine`, note));
    expect(metadata).toMatchObject({ labels: { 'kopr.dev/id': '42', a: 'b' } });
    await made(users.as(TENANT, 'DELETE', `${BUILDS}/mine`));
  });

  it('is kept from Projects, too', async () => {
    const { apiVersion, kind, spec } = exampleOf('Project');
    const project = { apiVersion, kind, spec, metadata: { ...ID, name: 'p', namespace: 'demo' } };
    expect((await users.as(TENANT, 'POST', PROJECTS, project)).status).toBe(403);
    await made(users.as(API, 'POST', PROJECTS, project));
  });

  it('may be restored by who administers the cluster', async () => {
    await made(users.as(ADMINISTRATOR, 'POST', BUILDS, build('restored', { ...ID, ...ARCHIVED })));
  });
});

describe('the account of the API', () => {
  it('writes neither stages nor a status', async () => {
    const { status } = await users.as(API, 'PATCH', `${BUILDS}/restored/status`, { status: { id: 1 } });
    expect(status).toBe(403);
    const path = '/apis/kopr.dev/v1alpha1/namespaces/demo/chrootbuilds';
    expect((await users.as(API, 'POST', path, exampleOf('ChrootBuild'))).status).toBe(403);
  });
});
