import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HELP, readConfig } from '../services/resalloc/config.ts';
import type { KubeDocument } from './testing/helm.ts';
import { CHART, manifests, pick } from './testing/helm.ts';
import type { TestPod } from './testing/pods.ts';
import { envOf, podsOf } from './testing/pods.ts';

const FILES = [[], [join(CHART, 'ci/production.yaml')], [join(import.meta.dirname, 'testing/values/everything.yaml')]];
const PEERS = [{ ipBlock: { cidr: '192.0.2.8/32' } }];

const withResalloc = (resalloc: object = {}, more: object = {}): Promise<KubeDocument[]> =>
  manifests({ values: { resalloc: { enabled: true, ...resalloc }, ...more } });

function podOf(documents: readonly KubeDocument[], name = 'kopr-resalloc'): TestPod['spec'] {
  const [pod] = podsOf([pick(documents, 'Deployment', name)]);
  if (pod === undefined) throw new Error(`the Deployment ${name} has no pod`);
  return pod.spec;
}

function environment(documents: readonly KubeDocument[], name?: string): Record<string, string> {
  const [container] = podOf(documents, name).containers;
  return container === undefined ? {} : envOf(container);
}

describe('the interface of Resalloc', () => {
  it('is not there unless it is asked for', async () => {
    const documents = await manifests();
    const named = documents.filter(({ metadata }) => metadata.name.endsWith('-resalloc'));
    expect(named).toEqual([]);
  });

  it('brings its own Deployment, Service, account, role, password and policy', async () => {
    const documents = await withResalloc();
    const named = documents.filter(({ metadata }) => metadata.name === 'kopr-resalloc');
    expect(named.map(({ kind }) => kind).sort()).toEqual([
      'Deployment',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Role',
      'RoleBinding',
      'Secret',
      'Service',
      'ServiceAccount',
    ]);
    for (const { metadata } of named) expect(metadata.namespace).toBe('kopr-system');
  });

  it.each(
    FILES.map((files, index) => [['the defaults', 'those for production', 'everything on'][index], files] as const),
  )('is started with an environment that it takes: %s', async (_, files) => {
    const documents = await manifests({ files, values: { resalloc: { enabled: true } } });
    const deployment = documents.find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name.endsWith('-resalloc'),
    );
    const env = environment(documents, deployment?.metadata.name);
    expect(readConfig(env)).toMatchObject({ httpPort: 49_100, passwordFile: '/etc/kopr/resalloc/password' });
    for (const name of Object.keys(env).filter((one) => one.startsWith('KOPR_'))) {
      expect(HELP).toMatch(new RegExp(`^\\s*${name}\\b`, 'm'));
    }
  });

  it('listens where clients of Resalloc look for it', async () => {
    const service = { type: 'NodePort', nodePort: 30491 };
    expect(pick(await withResalloc({ service }), 'Service', 'kopr-resalloc').spec).toMatchObject({
      type: 'NodePort',
      ports: [{ port: 49_100, targetPort: 'xml-rpc', nodePort: 30_491 }],
    });
  });

  it.each<[string, object, string | undefined]>([
    ['nothing to be seen from outside', {}, undefined],
    ['the addresses of clients with a LoadBalancer', { type: 'LoadBalancer' }, 'Local'],
    ['every node answering with a NodePort', { type: 'NodePort' }, 'Cluster'],
    ['what the values say', { type: 'NodePort', externalTrafficPolicy: 'Local' }, 'Local'],
  ])('has a Service with %s', async (_, service, policy) => {
    const { externalTrafficPolicy } = pick(await withResalloc({ service }), 'Service', 'kopr-resalloc').spec as {
      externalTrafficPolicy?: string;
    };
    expect(externalTrafficPolicy).toBe(policy);
  });

  it('may write tickets and its counter in the namespace of kopr, and nothing else', async () => {
    const documents = await withResalloc();
    const granted = documents.filter(
      ({ kind, subjects }) =>
        kind.endsWith('RoleBinding') && JSON.stringify(subjects ?? []).includes('"kopr-resalloc"'),
    );
    expect(granted.map(({ kind }) => kind)).toEqual(['RoleBinding']);
    expect(pick(documents, 'Role', 'kopr-resalloc').rules).toEqual([
      { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
      { apiGroups: [''], resources: ['configmaps'], resourceNames: ['kopr-resalloc-ids'], verbs: ['get', 'patch'] },
      {
        apiGroups: ['kopr.dev'],
        resources: ['buildertickets'],
        verbs: ['create', 'delete', 'get', 'list', 'patch', 'watch'],
      },
    ]);
  });

  it('is one pod without a budget for disruptions when one replica is enough', async () => {
    const documents = await withResalloc({ replicas: 1 });
    expect(
      documents.filter(({ kind, metadata }) => `${kind} ${metadata.name}` === 'PodDisruptionBudget kopr-resalloc'),
    ).toEqual([]);
  });
});

describe('the password of clients of Resalloc', () => {
  it('is made of letters and digits, since it becomes part of a URL', async () => {
    const { data } = pick(await withResalloc(), 'Secret', 'kopr-resalloc') as unknown as { data: { password: string } };
    expect(Buffer.from(data.password, 'base64').toString()).toMatch(/^[A-Za-z0-9]{40}$/);
  });

  it('may be one that exists already', async () => {
    const documents = await withResalloc({ password: { existingSecret: 'mine', key: 'word' } });
    expect(documents.filter(({ kind, metadata }) => kind === 'Secret' && metadata.name === 'kopr-resalloc')).toEqual(
      [],
    );
    expect(podOf(documents).volumes).toContainEqual({
      name: 'password',
      secret: { secretName: 'mine', defaultMode: 0o440, items: [{ key: 'word', path: 'password' }] },
    });
  });

  it('is not asked for when the values say so, and say who reaches the port', async () => {
    const documents = await withResalloc({ auth: 'None' }, { networkPolicy: { resallocFrom: PEERS } });
    expect(readConfig(environment(documents)).passwordFile).toBeUndefined();
    expect(JSON.stringify(podOf(documents))).not.toContain('"password"');
    expect(documents.filter(({ kind, metadata }) => kind === 'Secret' && metadata.name === 'kopr-resalloc')).toEqual(
      [],
    );
  });

  it.each<[string, object]>([
    ['everybody reaches the port', {}],
    ['policies are off', { networkPolicy: { enabled: false, resallocFrom: PEERS } }],
  ])('cannot be left out where %s', async (_, more) => {
    await expect(withResalloc({ auth: 'None' }, more)).rejects.toThrow(
      /resalloc\.auth is None, so whoever reaches the port may take machines: say in networkPolicy\.resallocFrom who/,
    );
  });

  it.each(['none', 'Digest', ''])('is not left out by mistake: auth "%s" is refused', async (auth) => {
    await expect(withResalloc({ auth })).rejects.toThrow(/at '\/resalloc\/auth'.*value must be one of 'Basic', 'None'/);
  });
});

describe('the NetworkPolicy of the interface of Resalloc', () => {
  interface Spec {
    ingress: { from?: object[]; ports: { port: number }[] }[];
    egress: { to?: object[]; ports: { port: number }[] }[];
  }
  const policy = async (networkPolicy: object): Promise<Spec> =>
    pick(await withResalloc({}, { networkPolicy }), 'NetworkPolicy', 'kopr-resalloc').spec as Spec;

  it('lets in whom the values name, and everybody if they name nobody', async () => {
    expect((await policy({ resallocFrom: PEERS })).ingress).toEqual([
      { from: PEERS, ports: [{ protocol: 'TCP', port: 49_100 }] },
    ]);
    expect((await policy({})).ingress).toEqual([{ ports: [{ protocol: 'TCP', port: 49_100 }] }]);
  });

  it('lets out to the API server and to nothing of kopr', async () => {
    const { egress } = await policy({ apiServer: { cidrs: ['10.0.0.1/32'] } });
    expect(egress.map(({ ports }) => ports.map(({ port }) => port))).toEqual([
      [53, 53],
      [443, 6443],
    ]);
    expect(JSON.stringify(egress)).not.toContain('component');
  });

  it('keeps builder pods away: nothing they may reach leads there', async () => {
    const documents = await withResalloc();
    const text = JSON.stringify(
      documents.filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'kopr-builds'),
    );
    expect(text).toContain('kopr-builders');
    expect(text).not.toMatch(/resalloc|49100/);
  });
});
