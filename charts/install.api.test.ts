import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aHostsPool } from '../controllers/hook/testing/objects.ts';
import { aPool } from '../controllers/testing/objects.ts';
import type { BuilderPool } from '../crds/builderpool.ts';
import { BuilderPools } from '../crds/builderpool.ts';
import { Chroots } from '../crds/chroot.ts';
import type { TestApi } from '../crds/testing/api.ts';
import { eventually, startTestApi } from '../crds/testing/api.ts';
import { systemClock } from '../lib/clock.ts';
import { loadAccess } from '../operator/access.ts';
import { keyOf } from '../operator/resource.ts';
import { quietLog, testClient } from '../operator/testing/harness.ts';
import { bootstrap } from './bootstrap/apply.ts';
import { drain } from './bootstrap/drain.ts';
import { parseObjects, targets } from './bootstrap/objects.ts';
import { CHART, helm, manifests, withValues } from './testing/helm.ts';
import { pathOf } from './testing/paths.ts';

let api: TestApi;
let notes = '';
const NAMESPACE = 'kopr-system';
const CHROOT = { name: 'a-1-x86_64', distribution: 'a-1', architecture: 'x86_64', container: { image: 'a' } };
const VALUES = { signDomain: 'example.com', chroots: [CHROOT], defaultQuota: { maxRunning: 5 } };

/** No hooks: there are no nodes here, so the Job that they wait for would never run. */
function runHelm(command: readonly string[], values: object): Promise<string> {
  return withValues(values, (file) =>
    helm([
      ...command,
      'kopr',
      CHART,
      '--namespace',
      NAMESPACE,
      '--no-hooks',
      '--values',
      file,
      '--kubeconfig',
      api.kubeconfig,
    ]),
  );
}

beforeAll(async () => {
  api = await startTestApi();
  notes = await runHelm(['install', '--create-namespace'], VALUES);
}, 240_000);

afterAll(() => api.stop());

async function secret(name: string): Promise<Record<string, string>> {
  return (await api.ok('GET', `/api/v1/namespaces/${NAMESPACE}/secrets/${name}`)).data as Record<string, string>;
}

const SECRETS = [
  'kopr-token',
  'kopr-upload',
  'kopr-postgres',
  'kopr-redis',
  'kopr-keygen-master-key',
  'kopr-keygen-tls',
  'kopr-publisher-tls',
];

describe('an installation', () => {
  it('says in its notes what to do next and what is unsafe', () => {
    expect(notes).toContain('helm -n kopr-system test kopr --logs');
    expect(notes).toContain('spec: {chroots: [a-1-x86_64]}');
    expect(notes).toContain('WARNING: results have no address outside of the cluster.');
    expect(notes).not.toContain('WARNING: signDomain');
    expect(notes).not.toContain('WARNING: no chroots');
  });

  it('makes keys that are long enough', async () => {
    expect(Buffer.from((await secret('kopr-token'))['token.key'] ?? '', 'base64').length).toBe(48);
    expect(Buffer.from((await secret('kopr-keygen-master-key'))['master.key'] ?? '', 'base64').length).toBe(64);
  });

  it('makes passwords that the URLs of the database and of Redis hold', async () => {
    const text = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString();
    const [database, redis] = [await secret('kopr-postgres'), await secret('kopr-redis')];
    expect(text(database.password)).toMatch(/^[A-Za-z0-9]{40}$/);
    expect(text(database.url)).toBe(
      `postgresql://kopr:${text(database.password)}@kopr-postgres.kopr-system.svc.cluster.local:5432/kopr`,
    );
    expect(text(redis.url)).toBe(`redis://kopr:${text(redis.password)}@kopr-redis.kopr-system.svc.cluster.local:6379`);
    expect(redis.password).not.toBe(database.password);
  });

  it('makes certificates of one authority with the names of keygen and of the publisher', async () => {
    const server = await secret('kopr-keygen-tls');
    const client = await secret('kopr-publisher-tls');
    expect(server['ca.crt']).toBe(client['ca.crt']);
    const certificate = (data: string | undefined): X509Certificate =>
      new X509Certificate(Buffer.from(data ?? '', 'base64'));
    const authority = certificate(server['ca.crt']);
    const [own, peer] = [certificate(server['tls.crt']), certificate(client['tls.crt'])];
    expect(own.verify(authority.publicKey) && peer.verify(authority.publicKey)).toBe(true);
    for (const host of ['kopr-keygen', 'kopr-keygen.kopr-system.svc', 'kopr-keygen.kopr-system.svc.cluster.local']) {
      expect(own.checkHost(host)).toBe(host);
    }
    expect(peer.subject).toBe('CN=kopr-publisher');
    expect(own.toString() + peer.toString() + authority.toString()).not.toContain('PRIVATE KEY');
  });

  it('keeps every key and certificate when it is upgraded, whatever else changes', async () => {
    const before = await Promise.all(SECRETS.map(secret));
    const text = await runHelm(['upgrade'], {
      ...VALUES,
      logLevel: 'debug',
      signDomain: 'kopr.invalid',
      chroots: [],
      networkPolicy: { enabled: false },
      builderPods: { admissionPolicy: { enabled: false } },
    });
    expect(await Promise.all(SECRETS.map(secret))).toEqual(before);
    for (const warning of [
      'signDomain is not set',
      'no chroots are given',
      'networkPolicy.enabled is false',
      'builderPods.admissionPolicy.enabled is false',
    ]) {
      expect(text).toContain(`WARNING: ${warning}`);
    }
    await runHelm(['upgrade'], VALUES);
  });

  it('warns of machines that no policy lets anybody reach', async () => {
    const pools = [
      {
        name: 'rack',
        architectures: ['s390x'],
        hosts: { machines: [{ name: 'm1', address: 'm1.example.com' }] },
        ssh: { keySecretName: 'rack-key' },
      },
    ];
    const warning = 'WARNING: machines of rack are reached by SSH, and networkPolicy.machines names no network';
    expect(await runHelm(['upgrade'], { ...VALUES, pools })).toContain(warning);
    const networkPolicy = { machines: { cidrs: ['10.1.0.0/16'] } };
    expect(await runHelm(['upgrade'], { ...VALUES, pools, networkPolicy })).not.toContain('reached by SSH');
    await runHelm(['upgrade'], VALUES);
  });

  it('makes both certificates anew when one of them is gone', async () => {
    const before = await secret('kopr-keygen-tls');
    await api.ok('DELETE', `/api/v1/namespaces/${NAMESPACE}/secrets/kopr-publisher-tls`);
    await runHelm(['upgrade'], VALUES);
    const after = await secret('kopr-keygen-tls');
    expect(after['ca.crt']).not.toBe(before['ca.crt']);
    expect((await secret('kopr-publisher-tls'))['ca.crt']).toBe(after['ca.crt']);
  });
});

describe('the objects of the values', () => {
  const allowed = targets({ releaseNamespace: NAMESPACE, buildsNamespace: 'kopr-builds' });

  it('are applied by the Job, and removed when they leave the values', async () => {
    const client = testClient(await loadAccess({ clock: systemClock, kubeconfig: api.kubeconfig }));
    try {
      const config = await api.ok('GET', `/api/v1/namespaces/${NAMESPACE}/configmaps/kopr-objects`);
      const objects = parseObjects((config.data as { 'objects.json': string })['objects.json'], allowed, 'kopr');
      const deps = { client, clock: systemClock, log: quietLog };
      await bootstrap(deps, objects, allowed, 'kopr', 30_000);
      expect((await client.list(Chroots)).items.map(({ spec }) => spec.name)).toEqual(['a-1-x86_64']);
      await api.ok('GET', '/apis/kopr.dev/v1alpha1/namespaces/kopr-builds/builderpools/default');
      await api.ok('GET', `/apis/kopr.dev/v1alpha1/namespaces/${NAMESPACE}/buildquotas/default`);
      await bootstrap(deps, [], allowed, 'kopr', 30_000);
      expect((await client.list(Chroots)).items).toEqual([]);
    } finally {
      await client.close();
    }
  });

  it('that have machines are gone before kopr is uninstalled, once these are', async () => {
    const client = testClient(await loadAccess({ clock: systemClock, kubeconfig: api.kubeconfig }));
    const create = (pool: BuilderPool, finalizers: string[]): Promise<BuilderPool> =>
      client.create(BuilderPools, {
        metadata: { name: pool.metadata.name, namespace: 'kopr-builds', finalizers },
        spec: pool.spec,
      });
    try {
      await create(aPool('pods'), []);
      const pool = await create(aHostsPool(), ['example.com/machines']);
      const draining = drain({ client, clock: systemClock, log: quietLog }, 'kopr-builds', 60_000);
      const deleted = await eventually(
        'the deletion',
        () => client.get(BuilderPools, keyOf(pool)),
        (found) => found?.metadata.deletionTimestamp !== undefined,
      );
      if (deleted === undefined) throw new Error('the pool is gone although it has a finalizer');
      await client.patchFinalizers(BuilderPools, deleted, []);
      await draining;
      expect((await client.list(BuilderPools)).items.map(({ metadata }) => metadata.name)).toEqual(['pods']);
    } finally {
      await client.close();
    }
  });
});

describe('every manifest', () => {
  const cases: [string, string[]][] = [
    ['production', [join(CHART, 'ci/production.yaml')]],
    ['everything', [join(import.meta.dirname, 'testing/values/everything.yaml')]],
    ['least', [join(import.meta.dirname, 'testing/values/least.yaml')]],
  ];

  it.each(cases)('with the values "%s" is accepted by the API server as it stands', async (_, files) => {
    await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'builds' } });
    const documents = (await manifests({ files })).filter(({ apiVersion }) => !FOREIGN.test(apiVersion));
    expect(documents.length).toBeGreaterThan(20);
    for (const document of documents) {
      const { name } = document.metadata;
      const answer = await api.call('POST', `${pathOf(document)}?dryRun=All&fieldValidation=Strict`, {
        ...document,
        // What is installed already has these names, and a node port can be taken once.
        metadata: { ...document.metadata, name: document.kind === 'CustomResourceDefinition' ? name : `x-${name}` },
      });
      if (document.kind === 'CustomResourceDefinition') expect(answer.status, name).toBe(409);
      else expect(answer.body.message, `${document.kind} ${name}`).toBeUndefined();
    }
  });
});

describe('an uninstallation', () => {
  it('keeps the definitions with every object, and the key without which all keys are lost', async () => {
    await helm(['uninstall', 'kopr', '--namespace', NAMESPACE, '--no-hooks', '--kubeconfig', api.kubeconfig]);
    await api.ok('GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/builds.kopr.dev');
    await secret('kopr-keygen-master-key');
    expect((await api.call('GET', `/api/v1/namespaces/${NAMESPACE}/secrets/kopr-token`)).status).toBe(404);
  });

  it('can be undone: the same release takes over what was kept', async () => {
    const before = await secret('kopr-keygen-master-key');
    // Nothing here ends a namespace, so that of builds is still being deleted.
    await runHelm(['install'], { ...VALUES, buildsNamespace: { name: 'builds', create: false } });
    expect(await secret('kopr-keygen-master-key')).toEqual(before);
  });
});

/** Kinds of other projects, whose definitions are not installed here. */
const FOREIGN = /^(cert-manager\.io|monitoring\.coreos\.com|gateway\.networking\.k8s\.io)\//;
