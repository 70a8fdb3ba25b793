/** An API server with the policy for builder pods, and with no other part of kopr. */
import { afterAll, beforeAll } from 'vitest';
import type { Json, TestApi } from '../../crds/testing/api.ts';
import { APPLY, eventually, startTestApi } from '../../crds/testing/api.ts';
import { pod } from './builder-pods.ts';
import type { KubeDocument } from './helm.ts';
import { manifests, pick } from './helm.ts';

/** Where pods are made that the policy judges. */
export const BUILDS = '/api/v1/namespaces/kopr-builds/pods';
/** Where copies of pods are made, which the policy judges in the same way. */
export const COPIES = '/apis/test.kopr.dev/v1/namespaces/kopr-builds/podcopies';

const GROUP = '/apis/admissionregistration.k8s.io/v1';

/**
 * One server for all tests of the file, with the namespaces `kopr-builds` and `elsewhere`. `take` gets it when the policy
 * holds.
 */
export function useAdmissionApi(take: (api: TestApi) => void): void {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
    for (const name of ['kopr-builds', 'elsewhere']) await api.ok('POST', '/api/v1/namespaces', { metadata: { name } });
    await installPolicy(api);
    take(api);
  }, 240_000);
  afterAll(() => api.stop());
}

/** For pods as the chart has it, and the same for copies of pods. */
async function installPolicy(api: TestApi): Promise<void> {
  await api.ok('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', podCopies());
  const documents = await manifests();
  // Pods that name a PriorityClass are taken only where there is one.
  await api.ok(
    'POST',
    '/apis/scheduling.k8s.io/v1/priorityclasses',
    pick(documents, 'PriorityClass', 'kopr-placeholder'),
  );
  for (const document of documents) {
    if (document.metadata.name !== 'kopr-builder-pods') continue;
    if (document.kind === 'ValidatingAdmissionPolicy') {
      await apply(api, 'validatingadmissionpolicies', document);
      await apply(api, 'validatingadmissionpolicies', forCopies(document));
    }
    if (document.kind === 'ValidatingAdmissionPolicyBinding') {
      await apply(api, 'validatingadmissionpolicybindings', document);
      const copy = {
        ...document,
        metadata: { name: 'copies' },
        spec: { ...(document.spec as Json), policyName: 'copies' },
      };
      await apply(api, 'validatingadmissionpolicybindings', copy);
    }
  }
  for (const [path, manifest] of [
    [BUILDS, pod({ hostUsers: true })],
    [COPIES, copyOf(pod({ hostUsers: true }))],
  ] as const) {
    await eventually(
      'the policy',
      () => api.call('POST', `${path}?dryRun=All`, manifest),
      ({ status }) => status === 422,
    );
  }
}

function apply(api: TestApi, plural: string, document: { metadata: { name: string } }): Promise<Json> {
  return api.ok(
    'PATCH',
    `${GROUP}/${plural}/${document.metadata.name}?fieldManager=test&fieldValidation=Strict`,
    document,
    APPLY,
  );
}

/**
 * A kind with the fields of a pod that the API server itself has no opinion about. What it refuses before any policy
 * is asked (a privileged container where the cluster allows none) is tried on such copies.
 */
function podCopies(): object {
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    metadata: { name: 'podcopies.test.kopr.dev' },
    spec: {
      group: 'test.kopr.dev',
      names: { kind: 'PodCopy', plural: 'podcopies', singular: 'podcopy', listKind: 'PodCopyList' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
}

export function copyOf(manifest: Json): Json {
  return { ...manifest, apiVersion: 'test.kopr.dev/v1', kind: 'PodCopy' };
}

function forCopies(policy: KubeDocument): KubeDocument {
  const resourceRules = [
    { apiGroups: ['test.kopr.dev'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['podcopies'] },
  ];
  return {
    ...policy,
    metadata: { name: 'copies' },
    spec: { ...(policy.spec as Json), matchConstraints: { resourceRules } },
  };
}
