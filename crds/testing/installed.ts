import { afterAll, beforeAll } from 'vitest';
import { crdOf } from '../crd.ts';
import type { Manifest } from '../examples.ts';
import { exampleOf } from '../examples.ts';
import { ALL_KINDS } from '../index.ts';
import { GROUP, VERSION } from '../kind.ts';
import type { Answer, Json, TestApi } from './api.ts';
import { APPLY, eventually, startTestApi } from './api.ts';

export const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** One API server with all definitions for the tests of the file; `take` gets it before they run. */
export function useInstalledApi(take: (api: TestApi) => void): void {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
    await install(api);
    take(api);
  }, 90_000);
  afterAll(() => api.stop());
}

/** Installs all definitions and the namespaces of the examples. */
async function install(api: TestApi): Promise<void> {
  for (const kind of ALL_KINDS) {
    const crd = crdOf(kind);
    await api.ok('PATCH', `${CRDS}/${crd.metadata.name}?fieldManager=test&fieldValidation=Strict`, crd, APPLY);
  }
  for (const kind of ALL_KINDS) {
    await eventually(
      `the CRD of ${kind.kind}`,
      () => api.ok('GET', `${CRDS}/${kind.plural}.${GROUP}`),
      (crd) => conditionOf(crd, 'Established') === 'True',
    );
  }
  for (const name of ['demo', 'kopr-builds']) await api.ok('POST', '/api/v1/namespaces', { metadata: { name } });
}

export function conditionOf(obj: Json, type: string): string | undefined {
  const { conditions } = (obj.status ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions?.find((condition) => condition.type === type)?.status;
}

export function collection(kindName: string, namespace = 'demo'): string {
  const kind = ALL_KINDS.find((candidate) => candidate.kind === kindName);
  if (!kind) throw new Error(`there is no kind ${kindName}`);
  return `/apis/${GROUP}/${VERSION}${kind.namespaced ? `/namespaces/${namespace}` : ''}/${kind.plural}`;
}

/** The example with another spec: each member replaces one of the example's; undefined removes it. */
export function variant(kind: string, spec: Json, name?: string): Manifest {
  const example = exampleOf(kind);
  return {
    ...example,
    metadata: { ...example.metadata, ...(name === undefined ? {} : { name }) },
    spec: { ...example.spec, ...spec },
  };
}

export function create(api: TestApi, manifest: Manifest, query = ''): Promise<Answer> {
  const path = collection(manifest.kind, manifest.metadata.namespace);
  return api.call('POST', `${path}?fieldValidation=Strict${query}`, manifest);
}
