import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, Json, TestApi } from '../crds/testing/api.ts';
import { APPLY, eventually, startTestApi } from '../crds/testing/api.ts';
import type { Impersonator } from './testing/as.ts';
import { impersonator } from './testing/as.ts';
import { CHART, helm } from './testing/helm.ts';

let api: TestApi;
let users: Impersonator;

const API = 'system:serviceaccount:kopr-system:kopr-api';
const OWNER = { 'kopr.dev/owner-namespace': 'true' };

beforeAll(async () => {
  api = await startTestApi();
  users = await impersonator(api.kubeconfig);
  const target = ['--namespace', 'kopr-system', '--create-namespace', '--no-hooks', '--kubeconfig', api.kubeconfig];
  await helm(['install', 'kopr', CHART, ...target]);
  await eventually(
    'the policy',
    () => namespace('plain', {}),
    ({ status, body }) => status === 403 && String(body.message).includes('kopr-owner-namespaces'),
  );
}, 120_000);

afterAll(async () => {
  await users.close();
  await api.stop();
});

function apply(path: string, object: Json): Promise<Answer> {
  return users.as(
    API,
    'PATCH',
    `${path}/${String((object.metadata as Json).name)}?fieldManager=kopr-api`,
    object,
    APPLY,
  );
}

function namespace(name: string, labels: Json, annotations: Json = {}): Promise<Answer> {
  return apply('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels, annotations },
  });
}

function quota(owner: string): Promise<Answer> {
  return apply(`/api/v1/namespaces/${owner}/resourcequotas`, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'kopr-owner' },
    spec: { hard: { pods: '1' } },
  });
}

async function made(answer: Promise<Answer>): Promise<Json> {
  const { status, body } = await answer;
  expect(status, String(body.message)).toBeLessThan(300);
  return body;
}

describe('the API', () => {
  it('makes the namespace of an owner with what its template holds', async () => {
    await made(namespace('bob', OWNER));
    await made(namespace('owner-g-9f', OWNER, { 'kopr.dev/owner': '@g' }));
    await made(quota('bob'));
    await made(
      apply('/apis/networking.k8s.io/v1/namespaces/bob/networkpolicies', {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'closed' },
        spec: { podSelector: {}, policyTypes: ['Ingress'] },
      }),
    );
    await made(
      apply('/api/v1/namespaces/bob/limitranges', {
        apiVersion: 'v1',
        kind: 'LimitRange',
        metadata: { name: 'kopr-owner' },
        spec: { limits: [{ type: 'Container', default: { memory: '64Mi' } }] },
      }),
    );
    await made(
      apply('/apis/kopr.dev/v1alpha1/namespaces/bob/buildquotas', {
        apiVersion: 'kopr.dev/v1alpha1',
        kind: 'BuildQuota',
        metadata: { name: 'default' },
        spec: { maxRunning: 2 },
      }),
    );
  });

  it('adopts a namespace and leaves the rest of it alone', async () => {
    const labels = { team: 'a', 'pod-security.kubernetes.io/enforce': 'restricted' };
    await api.ok('POST', '/api/v1/namespaces', { metadata: { name: 'carol', labels, annotations: { a: 'b' } } });
    const { metadata } = await made(namespace('carol', OWNER));
    expect(metadata).toMatchObject({ labels: { ...labels, ...OWNER }, annotations: { a: 'b' } });
    const change = (value: Json): Promise<Answer> =>
      users.as(API, 'PATCH', '/api/v1/namespaces/carol', { metadata: value });
    for (const value of [
      { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
      { labels: { 'pod-security.kubernetes.io/enforce': null } },
      { annotations: { a: 'c' } },
      { annotations: { 'scheduler.alpha.kubernetes.io/node-selector': 'a=b' } },
    ]) {
      expect((await change(value)).body.message).toContain('and leaves all others as they are');
    }
    expect((await change({ labels: { 'kopr.dev/owner-namespace': null } })).body.message).toContain(
      'label it kopr.dev/owner-namespace=true',
    );
  });

  it('makes no namespace that is open to what another label allows', async () => {
    const { body } = await namespace('open', { ...OWNER, 'pod-security.kubernetes.io/enforce': 'privileged' });
    expect(body.message).toContain('and leaves all others as they are');
  });

  it.each(['default', 'kube-system', 'kopr-system', 'kopr-builds'])('does not touch the namespace %s', async (name) => {
    const message = 'the API of kopr has nothing to do in the namespaces of Kubernetes and of kopr itself';
    expect((await namespace(name, OWNER)).body.message).toContain(message);
    expect((await quota(name)).body.message).toContain(message);
  });

  it('is the only one that the policy is about', async () => {
    await api.ok('POST', '/api/v1/namespaces', { metadata: { name: 'free', labels: { a: 'b' } } });
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
    expect((await api.call('PATCH', '/api/v1/namespaces/free', { metadata: { labels } })).status).not.toBe(403);
  });
});
