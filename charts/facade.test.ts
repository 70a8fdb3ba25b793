import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubeDocument } from './testing/helm.ts';
import { CHART, manifests, pick } from './testing/helm.ts';
import { envOf, podsOf } from './testing/pods.ts';

const PRODUCTION = join(CHART, 'ci/production.yaml');

function has(documents: readonly KubeDocument[], kind: string, name: string): boolean {
  return documents.some((document) => document.kind === kind && document.metadata.name === name);
}

function environment(documents: readonly KubeDocument[], kind: string, name: string): Record<string, string> {
  const container = podsOf([pick(documents, kind, name)])[0]?.spec.containers[0];
  return container === undefined ? {} : envOf(container);
}

const ROUTE = { enabled: true, parentRefs: [{ name: 'g' }] };
const TLS = [{ secretName: 's', hosts: ['a.example'] }];

describe('the API', () => {
  it('brings its database, Redis and secrets, and takes all of them away when it is not wanted', async () => {
    const [on, off] = [await manifests(), await manifests({ values: { api: { enabled: false } } })];
    for (const [kind, name] of [
      ['Deployment', 'kopr-api'],
      ['Service', 'kopr-api'],
      ['ServiceAccount', 'kopr-api'],
      ['ClusterRole', 'kopr-api'],
      ['ConfigMap', 'kopr-owners'],
      ['PodDisruptionBudget', 'kopr-api'],
      ['NetworkPolicy', 'kopr-api'],
      ['Secret', 'kopr-upload'],
      ['StatefulSet', 'kopr-postgres'],
      ['Secret', 'kopr-postgres'],
      ['Deployment', 'kopr-redis'],
      ['Secret', 'kopr-redis'],
      ['NetworkPolicy', 'kopr-redis'],
    ] as const) {
      expect(has(on, kind, name), `${kind} ${name}`).toBe(true);
      expect(has(off, kind, name), `${kind} ${name}`).toBe(false);
    }
    expect(JSON.stringify(off)).not.toMatch(/kopr-(api|redis|postgres|upload)|"(api|redis|postgres)"/);
  });

  it('uses a database and a Redis that exist already', async () => {
    const values = {
      postgresql: { enabled: false },
      externalDatabase: { existingSecret: 'db', key: 'dsn', port: 6432, cidrs: ['10.0.0.1/32'] },
      redis: { enabled: false },
      externalRedis: { existingSecret: 'cache', key: 'uri' },
    };
    const documents = await manifests({ values });
    const api = JSON.stringify(pick(documents, 'Deployment', 'kopr-api'));
    expect(api).toContain('"secretName":"db","defaultMode":288,"items":[{"key":"dsn","path":"url"}]');
    expect(api).toContain('"secretKeyRef":{"name":"cache","key":"uri"}');
    expect(documents.filter(({ metadata }) => /kopr-(postgres|redis)/.test(metadata.name))).toEqual([]);
    const { egress } = pick(documents, 'NetworkPolicy', 'kopr-api').spec as { egress: object[] };
    expect(egress).toContainEqual({
      ports: [{ protocol: 'TCP', port: 6432 }],
      to: [{ ipBlock: { cidr: '10.0.0.1/32' } }],
    });
    expect(egress).toContainEqual({ ports: [{ protocol: 'TCP', port: 6379 }] });
  });

  it('goes without a Redis', async () => {
    const documents = await manifests({ values: { redis: { enabled: false } } });
    expect(JSON.stringify(documents)).not.toMatch(/KOPR_REDIS_URL|6379/);
  });

  it.each<[string, object, RegExp]>([
    ['no database', { postgresql: { enabled: false } }, /api\.enabled needs a database: set externalDatabase/],
    [
      'two databases',
      { externalDatabase: { existingSecret: 'a' } },
      /postgresql\.enabled and externalDatabase\.existingSecret exclude each other/,
    ],
    ['two Redis', { externalRedis: { existingSecret: 'a' } }, /redis\.enabled and externalRedis\.existingSecret excl/],
    [
      'a Role in the namespaces of owners',
      { owners: { template: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }] } },
      /owners\.template has a Secret \(v1\): the API may make a v1 ResourceQuota/,
    ],
    ['parameters that are no names', { postgresql: { parameters: { 'a b': 1 } } }, /invalid propertyName 'a b'/],
  ])('refuses %s with a sentence', async (_, values, message) => {
    await expect(manifests({ values })).rejects.toThrow(message);
  });

  it('gives the namespaces of owners quotas, and closes them', async () => {
    const { data } = pick(await manifests(), 'ConfigMap', 'kopr-owners');
    const objects = parse((data as { 'template.yaml': string })['template.yaml']) as KubeDocument[];
    expect(objects.map(({ kind }) => kind)).toEqual(['ResourceQuota', 'LimitRange', 'NetworkPolicy', 'BuildQuota']);
    expect(objects[2]?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });
});

describe('the addresses of the API and of .repo files', () => {
  it.each<[string, object, string, string | undefined]>([
    ['are inside the cluster', {}, 'http://kopr-api.kopr-system.svc.cluster.local:5000', undefined],
    ['follow frontendURL', { frontendURL: 'https://a.example/' }, 'https://a.example', 'https://a.example'],
    ['may differ', { api: { url: 'http://127.0.0.1:30500/' } }, 'http://127.0.0.1:30500', undefined],
    [
      'are those of the Ingress',
      { ingress: { enabled: true, frontendHost: 'a.example', tls: TLS } },
      'https://a.example',
      'https://a.example',
    ],
    [
      'are those of the HTTPRoute',
      { httpRoute: { ...ROUTE, frontendHost: 'a.example' } },
      'https://a.example',
      'https://a.example',
    ],
  ])('%s', async (_, values, api, files) => {
    const documents = await manifests({ values });
    expect(environment(documents, 'Deployment', 'kopr-api').KOPR_FRONTEND_URL).toBe(api);
    expect(environment(documents, 'StatefulSet', 'kopr-publisher').KOPR_FRONTEND_URL).toBe(files);
  });

  interface Rule {
    host: string;
    http: { paths: { path: string; backend: { service: { name: string } } }[] };
  }

  it.each<[string, object, Record<string, string>]>([
    [
      'one host',
      { resultsHost: 'a.example', frontendHost: 'a.example' },
      {
        'a.example/results': 'kopr-results',
        'a.example/tmp': 'kopr-results',
        'a.example/api_3': 'kopr-api',
        'a.example/coprs': 'kopr-api',
        'a.example/api': 'kopr-api',
        'a.example/': 'kopr-api',
      },
    ],
    ['results alone', { resultsHost: 'a.example' }, { 'a.example/': 'kopr-results' }],
    [
      'two hosts',
      { resultsHost: 'a.example', frontendHost: 'b.example' },
      {
        'b.example/api_3': 'kopr-api',
        'b.example/coprs': 'kopr-api',
        'b.example/api': 'kopr-api',
        'b.example/': 'kopr-api',
        'a.example/': 'kopr-results',
      },
    ],
  ])('are divided by path: %s', async (_, hosts, expected) => {
    const documents = await manifests({ values: { ingress: { enabled: true, ...hosts } } });
    const { rules } = pick(documents, 'Ingress', 'kopr').spec as { rules: Rule[] };
    const found = rules.flatMap(({ host, http }) =>
      http.paths.map(({ path, backend }) => [`${host}${path}`, backend.service.name]),
    );
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  it('leave the results their paths where an HTTPRoute has one host for both', async () => {
    const hosts = { resultsHost: 'a.example', frontendHost: 'a.example' };
    const documents = await manifests({ values: { httpRoute: { ...ROUTE, ...hosts } } });
    const paths = (name: string): string[] =>
      [...JSON.stringify(pick(documents, 'HTTPRoute', name)).matchAll(/"value":"([^"]+)"/g)].map(
        ([, path = '']) => path,
      );
    expect(paths('kopr-results')).toEqual(['/results', '/tmp']);
    expect(paths('kopr-api')).toEqual(['/api_3', '/coprs', '/api', '/']);
  });
});

describe('NetworkPolicies of the API', () => {
  interface Spec {
    ingress: { from?: object[]; ports: { port: number }[] }[];
    egress: object[];
  }
  const components = (from: object[] | undefined): string[] =>
    (from ?? []).map((peer) => /component":"(\w+)"/.exec(JSON.stringify(peer))?.[1] ?? 'other');

  it.each([
    ['kopr-postgres', 5432, ['api']],
    ['kopr-redis', 6379, ['api', 'publisher']],
  ] as const)('let nobody but %s at %i be reached by %j, and it reaches nothing', async (name, port, expected) => {
    const spec = pick(await manifests(), 'NetworkPolicy', name).spec as Spec;
    expect(spec.ingress.map(({ from, ports }) => [components(from), ports.map((one) => one.port)])).toEqual([
      [expected, [port]],
    ]);
    expect(spec.egress).toEqual([]);
  });

  it('let everybody reach the API, or who is named', async () => {
    const ingress = async (files: string[], values: object): Promise<Spec['ingress']> =>
      (pick(await manifests({ files, values }), 'NetworkPolicy', 'kopr-api').spec as Spec).ingress;
    expect(await ingress([], {})).toEqual([{ ports: [{ protocol: 'TCP', port: 5000 }] }]);
    const apiFrom = [{ podSelector: {} }];
    expect((await ingress([PRODUCTION], { networkPolicy: { apiFrom } }))[0]?.from).toEqual(apiFrom);
  });

  it('let builds reach none of the API, the database and Redis', async () => {
    const { egress } = pick(await manifests(), 'NetworkPolicy', 'kopr-builders').spec as Spec;
    expect(JSON.stringify(egress)).not.toMatch(/"(api|postgres|redis)"|:(5000|5432|6379)\b/);
  });
});
