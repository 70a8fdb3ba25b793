import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, TestApi } from '../crds/testing/api.ts';
import { eventually, startTestApi } from '../crds/testing/api.ts';
import type { KubeDocument } from './testing/helm.ts';
import { manifests } from './testing/helm.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const COLLECTIONS: Record<string, string> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'namespaces/kopr-system/roles',
  RoleBinding: 'namespaces/kopr-system/rolebindings',
};
const LINK = 'https://mirror.example/hello-2.12-1.src.rpm';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
  await api.ok('POST', '/api/v1/namespaces', { metadata: { name: 'kopr-system' } });
  for (const [release, values] of [
    ['kopr', {}],
    ['builds-kopr', { selftest: { build: { link: LINK } } }],
  ] as const) {
    const documents = await manifests({ release, values });
    for (const document of documents.filter(ofTheTest)) {
      await api.ok('POST', `${RBAC}/${COLLECTIONS[document.kind]}`, document);
    }
  }
  await eventually(
    'the rights of the test',
    () => may('builds-kopr', 'get', { resource: 'builds', name: 'kopr-selftest' }),
    (allowed) => allowed,
  );
}, 90_000);

afterAll(() => api.stop());

function ofTheTest({ kind, metadata }: KubeDocument): boolean {
  return COLLECTIONS[kind] !== undefined && metadata.name.endsWith('-selftest');
}

async function may(release: string, verb: string, attributes: Json): Promise<boolean> {
  const review = await api.ok('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    spec: {
      user: `system:serviceaccount:kopr-system:${release}-selftest`,
      resourceAttributes: { verb, group: 'kopr.dev', namespace: 'kopr-system', ...attributes },
    },
  });
  return (review.status as { allowed: boolean }).allowed;
}

describe('helm test', () => {
  const OWN = 'kopr-selftest';
  it.each<[string, Json, boolean, boolean]>([
    ['list', { resource: 'chroots', namespace: '' }, true, true],
    ['create', { resource: 'projects' }, true, true],
    ['get', { resource: 'projects', name: OWN }, true, true],
    ['delete', { resource: 'projects', name: OWN }, true, true],
    ['create', { resource: 'builds' }, false, true],
    ['get', { resource: 'builds', name: OWN }, false, true],
    ['delete', { resource: 'builds', name: OWN }, false, false],
    ['get', { resource: 'projects', name: 'another' }, false, false],
    ['delete', { resource: 'projects', name: 'another' }, false, false],
    ['list', { resource: 'projects' }, false, false],
    ['get', { resource: 'builds', name: 'another' }, false, false],
    ['create', { resource: 'builds', namespace: 'demo' }, false, false],
    ['create', { resource: 'projects', namespace: 'demo' }, false, false],
    ['get', { group: '', resource: 'secrets' }, false, false],
  ])('may %s %j: %s, and with a package to build %s', async (verb, attributes, without, withBuild) => {
    expect(await may('kopr', verb, attributes)).toBe(without);
    expect(await may('builds-kopr', verb, attributes)).toBe(withBuild);
  });
});
