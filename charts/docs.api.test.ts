/** What the documentation shows is tried as it stands: manifests and values by an API server, hooks by a shell. */
import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { TestApi } from '../crds/testing/api.ts';
import { APPLY, eventually } from '../crds/testing/api.ts';
import type { KubeDocument } from './testing/helm.ts';
import { manifests, pick } from './testing/helm.ts';
import { useInstalledApi } from './testing/installed-api.ts';
import { documentsOf, isManifest, pages, yamlBlocks } from './testing/markdown.ts';
import { pathOf } from './testing/paths.ts';

let api: TestApi;

const BLOCKS = pages().flatMap(yamlBlocks);
const DOCUMENTS = BLOCKS.flatMap((block) => documentsOf(block).map((document) => ({ where: block.where, document })));
const MANIFESTS = DOCUMENTS.flatMap(({ where, document }) => (isManifest(document) ? [{ where, document }] : []));
const VALUES = DOCUMENTS.filter(({ document }) => !isManifest(document));
const named = ({ where, document }: (typeof MANIFESTS)[number]): [string, KubeDocument] => [
  `${document.kind} ${document.metadata.name} (${where})`,
  document,
];

useInstalledApi([], async (installed) => {
  ({ api } = installed);
  const namespaces = MANIFESTS.map(({ document }) => document.metadata.namespace).filter((name) => name !== undefined);
  for (const name of new Set(['demo', ...namespaces]))
    await api.call('POST', '/api/v1/namespaces', { metadata: { name } });
  // The definitions of the chart are served a moment after they are there.
  for (const plural of ['projects', 'builderpools', 'chroots', 'buildquotas']) {
    const ask = (): ReturnType<TestApi['call']> => api.call('GET', `/apis/kopr.dev/v1alpha1/${plural}`);
    await eventually(plural, ask, ({ status }) => status === 200);
  }
});

/** As `kubectl apply --server-side --dry-run=server`. */
async function applied(document: KubeDocument): Promise<string> {
  const path = `${pathOf(document)}/${document.metadata.name}?fieldManager=docs&dryRun=All&fieldValidation=Strict`;
  const { status, body } = await api.call('PATCH', path, document, APPLY);
  return status < 300 ? '' : `${status} ${String(body.message)}`;
}

describe('a manifest in the documentation', () => {
  it('is there to be looked at', () => {
    const kinds = new Set(MANIFESTS.map(({ document }) => document.kind));
    expect([...kinds]).toEqual(expect.arrayContaining(['BuilderPool', 'BuildQuota', 'Chroot', 'Project', 'Build']));
  });

  it.each(MANIFESTS.map(named))('is taken by the API server: %s', async (_, document) => {
    expect(await applied(document)).toBe('');
  });
});

describe('values in the documentation', () => {
  it.each(VALUES.map(({ where, document }): [string, object] => [where, document]))(
    'fit the chart, and what becomes of them is taken by the API server: %s',
    async (_, values) => {
      const { 'objects.json': json } = pick(await manifests({ values }), 'ConfigMap', 'kopr-objects').data as {
        'objects.json': string;
      };
      for (const object of JSON.parse(json) as KubeDocument[]) expect(await applied(object)).toBe('');
    },
  );
});

interface PoolSpec {
  command?: Record<string, { command?: string[] } | undefined>;
}

/** Every script that a hook of a documented pool hands to the shell. */
const SCRIPTS = MANIFESTS.filter(({ document }) => document.kind === 'BuilderPool').flatMap(({ document }) =>
  Object.entries((document.spec as PoolSpec).command ?? {}).flatMap(([hook, value]): [string, string][] => {
    const [shell, options, script] = typeof value === 'object' ? (value.command ?? []) : [];
    const isScript = shell === '/bin/sh' && options?.endsWith('c') === true && script !== undefined;
    return isScript ? [[`${hook} of ${document.metadata.name}`, script]] : [];
  }),
);

describe('a hook in the documentation', () => {
  it.each(SCRIPTS)('is a script that the shell understands: %s', async (_, script) => {
    await expect(complaints(script)).resolves.toBe('');
  });
});

function complaints(script: string): Promise<string> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-nc', script], { timeout: 10_000 }, (error, _, stderr) =>
      resolve(error === null ? '' : `${error.message} ${stderr}`),
    );
  });
}
