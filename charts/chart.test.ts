import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { builderPoolSpec } from '../crds/builderpool.ts';
import { crdOf } from '../crds/crd.ts';
import { ALL_KINDS } from '../crds/index.ts';
import type { KubeDocument, RenderOptions } from './testing/helm.ts';
import { CHART, helm, manifests, pick, render } from './testing/helm.ts';

const VALUES = join(import.meta.dirname, 'testing/values');
const CASES: Record<string, RenderOptions> = {
  default: {},
  production: { files: [join(CHART, 'ci/production.yaml')], args: ['--api-versions', 'cert-manager.io/v1'] },
  everything: { files: [join(VALUES, 'everything.yaml')] },
  least: { files: [join(VALUES, 'least.yaml')] },
};

/** Random content would differ each time; CustomResourceDefinitions are compared with their schemas elsewhere. */
function golden(documents: readonly KubeDocument[]): string {
  return documents
    .filter(({ kind }) => kind !== 'CustomResourceDefinition')
    .map((document) => {
      if (document.kind !== 'Secret') return document;
      const data = document.data as Record<string, string>;
      return { ...document, data: Object.fromEntries(Object.keys(data).map((key) => [key, '(random)'])) };
    })
    .map((document) => stringify(document, { lineWidth: 0 }))
    .join('---\n');
}

describe.each(Object.entries(CASES))('the chart with the values "%s"', (name, options) => {
  it('renders what it rendered before', async () => {
    await expect(golden(await manifests(options))).toMatchFileSnapshot(`testdata/${name}.yaml`);
  });

  it('passes helm lint --strict', async () => {
    const files = (options.files ?? []).flatMap((file) => ['--values', file]);
    await expect(helm(['lint', '--strict', '--kube-version', '1.36.0', ...files, CHART])).resolves.toContain(
      '0 chart(s) failed',
    );
  });
});

describe('values that the project ships', () => {
  it.each([
    ['the embedded cluster', ['cluster/values.yaml', 'test/distro/values.yaml', 'deploy/values.yaml']],
    ['kind', ['cluster/kind/values.yaml', 'test/distro/values.yaml', 'deploy/values.yaml']],
    ['real distributions', ['test/distro/real-distributions.yaml']],
  ])('for %s fit the chart', async (_, paths) => {
    const documents = await manifests({ files: paths.map((path) => join(CHART, '../..', path)) });
    expect(documents.length).toBeGreaterThan(20);
  });
});

describe('CustomResourceDefinitions', () => {
  it('are those of the schemas, kept when the chart is uninstalled', async () => {
    const documents = (await manifests()).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(documents).toHaveLength(ALL_KINDS.length);
    for (const kind of ALL_KINDS) {
      const crd = crdOf(kind);
      const document = pick(documents, 'CustomResourceDefinition', crd.metadata.name);
      expect(document.spec).toEqual(crd.spec);
      expect(document.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    }
  });

  it('go with the chart if so wanted', async () => {
    const documents = await manifests({ values: { crds: { keep: false } } });
    expect(pick(documents, 'CustomResourceDefinition', 'builds.kopr.dev').metadata.annotations).toBeUndefined();
  });
});

describe('wrong values are refused with a sentence:', () => {
  it.each<[string, object, RegExp]>([
    ['a misspelt name', { opertor: {} }, /additional properties 'opertor' not allowed/],
    [
      'a misspelt name in a section',
      { operator: { replica: 2 } },
      /at '\/operator'.*additional properties 'replica' not allowed/,
    ],
    ['a number as text', { operator: { replicas: 'two' } }, /at '\/operator\/replicas'.*got string, want integer/],
    ['too many replicas', { operator: { replicas: 99 } }, /at '\/operator\/replicas'.*maximum: got 99, want 20/],
    ['an unknown log level', { logLevel: 'loud' }, /at '\/logLevel'.*value must be one of 'trace'/],
    ['a URL without a scheme', { resultsURL: 'rpms.example.com' }, /at '\/resultsURL'.*does not match pattern/],
    [
      'a digest that is none',
      { keygen: { image: { digest: 'latest' } } },
      /at '\/keygen\/image\/digest'.*does not match pattern/,
    ],
    [
      'a chroot without a name',
      { chroots: [{ distribution: 'fedora-43', architecture: 'x86_64' }] },
      /at '\/chroots\/0'.*missing property 'name'/,
    ],
    [
      'a package to build that is none',
      { selftest: { build: { link: 'https://mirror.example/hello.rpm' } } },
      /at '\/selftest\/build\/link'.*does not match pattern/,
    ],
    [
      'a pool with a wrong quantity',
      { pools: [{ name: 'a', architectures: ['x86_64'], pod: { workspace: { sizeLimit: '20 GB' } } }] },
      /sizeLimit'.*does not match pattern/,
    ],
    [
      'a pool with two providers',
      {
        pools: [{ name: 'a', architectures: ['x86_64'], pod: {}, hosts: { machines: [{ name: 'm', address: 'm' }] } }],
      },
      /the pool "a" needs exactly one provider: set one of pod, hosts and command, not hosts and pod/,
    ],
    [
      'a pool without a provider',
      { pools: [{ name: 'a', architectures: ['x86_64'] }] },
      /the pool "a" needs exactly one provider: .* not none/,
    ],
    [
      'hosts that nobody can reach',
      { pools: [{ name: 'a', architectures: ['x86_64'], hosts: { machines: [{ name: 'm', address: 'm' }] } }] },
      /the pool "a" has hosts but no ssh: say how they are reached/,
    ],
    [
      'a misspelt field of a hook',
      {
        pools: [
          {
            name: 'a',
            architectures: ['x86_64'],
            command: { image: 'a', new: { comand: ['a'] }, delete: { command: ['a'] } },
          },
        ],
      },
      /at '\/pools\/0\/command\/new'.*additional properties 'comand' not allowed/,
    ],
    [
      'a misspelt field of a chroot',
      { chroots: [{ name: 'a-1-x', distribution: 'a-1', architecture: 'x', container: { imgae: 'a' } }] },
      /at '\/chroots\/0\/container'.*additional properties 'imgae' not allowed/,
    ],
    [
      'a key size that is too small',
      { keygen: { keyBits: 1024 } },
      /at '\/keygen\/keyBits'.*value must be one of 2048, 3072, 4096/,
    ],
    [
      'builds in the namespace of kopr',
      { buildsNamespace: { name: 'kopr-system' } },
      /builder pods run the code of strangers and need a namespace of their own/,
    ],
    [
      'only one of two certificates',
      { tls: { existingServerSecret: 'a' } },
      /set both tls\.existingServerSecret and tls\.existingClientSecret, or neither/,
    ],
    [
      'two sources of certificates',
      { tls: { existingServerSecret: 'a', existingClientSecret: 'b', certManager: { enabled: true } } },
      /exclude each other: leave one of them out/,
    ],
    [
      'routes without a Gateway',
      { httpRoute: { enabled: true, resultsHost: 'a.example' } },
      /httpRoute\.enabled needs httpRoute\.parentRefs/,
    ],
  ])('%s', async (_, values, message) => {
    await expect(render({ values })).rejects.toThrow(message);
  });

  it('a Kubernetes that is too old', async () => {
    await expect(render({ args: ['--kube-version', '1.32.0'] })).rejects.toThrow(/requires kubeVersion: >=1\.33\.0-0/);
  });
});

describe('addresses', () => {
  const results = async (values: object): Promise<string> => {
    const operator = pick(await manifests({ values }), 'Deployment', 'kopr-operator');
    return /"KOPR_RESULTS_URL","value":"([^"]+)"/.exec(JSON.stringify(operator))?.[1] ?? '';
  };

  it.each<[string, object, string]>([
    ['the Service inside the cluster', {}, 'http://kopr-results.kopr-system.svc.cluster.local:5002/results'],
    [
      'the given URL, without a slash at its end',
      { resultsURL: 'https://a.example/results/' },
      'https://a.example/results',
    ],
    ['the host of an Ingress', { ingress: { enabled: true, resultsHost: 'a.example' } }, 'http://a.example/results'],
    [
      'the host of an Ingress with TLS',
      { ingress: { enabled: true, resultsHost: 'a.example', tls: [{ secretName: 's', hosts: ['a.example'] }] } },
      'https://a.example/results',
    ],
    [
      'the host of an HTTPRoute',
      { httpRoute: { enabled: true, resultsHost: 'a.example', parentRefs: [{ name: 'g' }] } },
      'https://a.example/results',
    ],
  ])('of results are those of %s', async (_, values, url) => {
    expect(await results(values)).toBe(url);
  });
});

describe('names', () => {
  it('begin with the release, and with the chart when the release says nothing of it', async () => {
    expect(pick(await manifests({ release: 'my-kopr' }), 'Service', 'my-kopr-results')).toBeDefined();
    expect(pick(await manifests({ release: 'rpms' }), 'Service', 'rpms-kopr-results')).toBeDefined();
  });
});

describe('objects from values', () => {
  it('become Chroots, BuilderPools and the default BuildQuota in their namespaces', async () => {
    const documents = await manifests({ files: [join(CHART, 'ci/production.yaml')] });
    const { 'objects.json': json } = pick(documents, 'ConfigMap', 'kopr-objects').data as { 'objects.json': string };
    const objects = JSON.parse(json) as KubeDocument[];
    expect(objects.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name])).toEqual([
      ['Chroot', undefined, 'fedora-43-x86-64'],
      ['Chroot', undefined, 'fedora-43-aarch64'],
      ['BuilderPool', 'kopr-builds', 'x86'],
      ['BuilderPool', 'kopr-builds', 'arm'],
      ['BuildQuota', 'kopr-system', 'default'],
    ]);
    for (const { kind, spec } of objects) {
      ALL_KINDS.find((candidate) => candidate.kind === kind)?.spec.parse(spec);
    }
  });

  it('may be pools of every provider, and reach the cluster as they were written', async () => {
    const file = join(VALUES, 'everything.yaml');
    const { 'objects.json': json } = pick(await manifests({ files: [file] }), 'ConfigMap', 'rpms-objects').data as {
      'objects.json': string;
    };
    const written = (parse(readFileSync(file, 'utf8')) as { pools: { name: string }[] }).pools;
    const objects = (JSON.parse(json) as KubeDocument[]).filter(({ kind }) => kind === 'BuilderPool');
    expect(objects.map(({ metadata, spec }) => ({ name: metadata.name, ...(spec as object) }))).toEqual(written);
    for (const { spec } of objects) builderPoolSpec.parse(spec);
  });
});
