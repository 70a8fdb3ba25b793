/** Who may have something run in the namespace of builds, where the credentials of pools and machines are. */
import { describe, expect, it } from 'vitest';
import { exampleOf } from '../crds/examples.ts';
import type { Json, TestApi } from '../crds/testing/api.ts';
import { APPLY, eventually } from '../crds/testing/api.ts';
import type { Impersonator } from './testing/as.ts';
import { PLAIN, pod } from './testing/builder-pods.ts';
import { ADMINISTRATOR, ALL_OF_KOPR, account, bind, made, RBAC, useInstalledApi } from './testing/installed-api.ts';

let api: TestApi;
let users: Impersonator;

const OPERATOR = account('kopr-system', 'kopr-operator');
const BOOTSTRAP = account('kopr-system', 'kopr-bootstrap');
const JOBS = account('kube-system', 'job-controller');
/** Has every right in the namespace of builds, and every right on kopr's kinds in all of them. */
const PLATFORM = 'bob';

const PODS = '/api/v1/namespaces/kopr-builds/pods';
const BATCH_JOBS = '/apis/batch/v1/namespaces/kopr-builds/jobs';
const POOLS = '/apis/kopr.dev/v1alpha1/namespaces/kopr-builds/builderpools';

const GRANTS = [
  { user: PLATFORM, role: ALL_OF_KOPR },
  { user: PLATFORM, role: 'cluster-admin', namespace: 'kopr-builds' },
];

useInstalledApi(GRANTS, async (installed) => {
  ({ api, users } = installed);
  for (const [path, object] of [
    [PODS, pod()],
    [POOLS, pool('early')],
  ] as const) {
    await eventually(
      `the policy for ${path}`,
      () => users.as(PLATFORM, 'POST', `${path}?dryRun=All`, object),
      ({ status, body }) => status === 403 && String(body.message).includes('denied request'),
    );
  }
});

function pool(name: string): Json {
  const { apiVersion, kind, spec } = exampleOf('BuilderPool');
  return { apiVersion, kind, metadata: { name, namespace: 'kopr-builds' }, spec };
}

function job(name: string): Json {
  const { spec } = pod();
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: { backoffLimit: 0, template: { spec } } };
}

function ownedBy(kind: string, apiVersion: string): Json {
  const { metadata, ...rest } = pod();
  const ownerReferences = [{ apiVersion, kind, name: 'a', uid: 'a1', controller: true }];
  return { ...rest, metadata: { ...(metadata as Json), ownerReferences } };
}

describe('pods and Jobs in the namespace of builds', () => {
  const ALONE = `only the kopr operator (${OPERATOR}) makes pods and Jobs in this namespace; use another one`;

  it('are made by the operator', async () => {
    await made(users.as(OPERATOR, 'POST', `${PODS}?dryRun=All`, pod()));
  });

  it.each<[string, string, Json]>([
    ['a pod', PODS, pod()],
    ['a Job', BATCH_JOBS, job('stranger')],
  ])('are not made by who has every right in it: %s', async (_, path, object) => {
    const { status, body } = await users.as(PLATFORM, 'POST', `${path}?dryRun=All`, object);
    expect(body.message).toContain(ALONE);
    expect(status).toBe(403);
  });

  it('come from the Job controller for a Job alone, which the operator has made', async () => {
    await made(users.as(JOBS, 'POST', `${PODS}?dryRun=All`, ownedBy('Job', 'batch/v1')));
    for (const object of [pod(), ownedBy('Job', 'example.com/v1'), ownedBy('ReplicaSet', 'apps/v1')]) {
      const { body } = await users.as(JOBS, 'POST', `${PODS}?dryRun=All`, object);
      expect(body.message).toContain(ALONE);
    }
  });

  it.each(['replicaset-controller', 'daemon-set-controller', 'statefulset-controller'])(
    'do not come from other controllers: %s',
    async (name) => {
      const owned = ownedBy('Job', 'batch/v1');
      const { body } = await users.as(account('kube-system', name), 'POST', `${PODS}?dryRun=All`, owned);
      expect(body.message).toContain(ALONE);
    },
  );

  it('do not come from a CronJob either', async () => {
    const cron = account('kube-system', 'cronjob-controller');
    expect((await users.as(cron, 'POST', `${BATCH_JOBS}?dryRun=All`, job('nightly'))).body.message).toContain(ALONE);
  });

  it('take no container from others, which would see the volumes of the pod', async () => {
    await made(users.as(ADMINISTRATOR, 'POST', PODS, pod()));
    const change = { spec: { ephemeralContainers: [{ name: 'look', image: 'a', securityContext: PLAIN }] } };
    const path = `${PODS}/builder/ephemeralcontainers`;
    const patch = 'application/strategic-merge-patch+json';
    expect((await users.as(PLATFORM, 'PATCH', path, change, patch)).body.message).toContain(ALONE);
  });

  it('may be made by who administers the cluster', async () => {
    await made(users.as(ADMINISTRATOR, 'POST', `${BATCH_JOBS}?dryRun=All`, job('mending')));
  });

  it('are nobody’s business elsewhere', async () => {
    await made(api.call('POST', '/api/v1/namespaces', { metadata: { name: 'elsewhere' } }));
    await bind(api, { user: PLATFORM, role: 'cluster-admin', namespace: 'elsewhere' });
    await made(users.as(PLATFORM, 'POST', '/api/v1/namespaces/elsewhere/pods?dryRun=All', pod()));
  });
});

describe('a BuilderPool', () => {
  const ADMINISTRATORS = 'a BuilderPool is made and changed by who administers the cluster alone';

  it('is not made by who has every right on kopr’s kinds, since its hooks run with Secrets', async () => {
    const { status, body } = await users.as(PLATFORM, 'POST', POOLS, pool('mine'));
    expect(body.message).toContain(ADMINISTRATORS);
    expect(status).toBe(403);
    const applied = await users.as(PLATFORM, 'PATCH', `${POOLS}/mine?fieldManager=a`, pool('mine'), APPLY);
    expect(applied.body.message).toContain(ADMINISTRATORS);
  });

  it('is made by who administers the cluster, and by the Job that applies the values', async () => {
    await made(users.as(ADMINISTRATOR, 'POST', POOLS, pool('by-alice')));
    const path = `${POOLS}/by-values?fieldManager=kopr-bootstrap`;
    await made(users.as(BOOTSTRAP, 'PATCH', path, pool('by-values'), APPLY));
  });

  it('is scaled and deleted by who has the right to, and not changed otherwise', async () => {
    await made(users.as(ADMINISTRATOR, 'POST', POOLS, pool('scaled')));
    await made(users.as(PLATFORM, 'PATCH', `${POOLS}/scaled/scale`, { spec: { replicas: 7 } }));
    expect((await api.ok('GET', `${POOLS}/scaled`)).spec).toMatchObject({ max: 7 });
    for (const change of [{ spec: { max: 9999 } }, { metadata: { labels: { a: 'b' } } }]) {
      expect((await users.as(PLATFORM, 'PATCH', `${POOLS}/scaled`, change)).body.message).toContain(ADMINISTRATORS);
    }
    await made(users.as(PLATFORM, 'DELETE', `${POOLS}/scaled`));
  });

  it('is released by the garbage collector, which changes nothing else', async () => {
    const collector = account('kube-system', 'generic-garbage-collector');
    const finalizers = ['example.com/a'];
    const { metadata, ...rest } = pool('collected');
    await made(api.call('POST', POOLS, { ...rest, metadata: { ...(metadata as Json), finalizers } }));
    const path = `${POOLS}/collected`;
    expect((await users.as(collector, 'PATCH', path, { spec: { max: 9999 } })).body.message).toContain(ADMINISTRATORS);
    await made(users.as(collector, 'PATCH', path, { metadata: { finalizers: null } }));
  });
});

describe('roles of users', () => {
  const rules = async (name: string): Promise<{ resources: string[]; verbs: string[] }[]> => {
    const role = await api.ok('GET', `${RBAC}/clusterroles/${name}`);
    return role.rules as { resources: string[]; verbs: string[] }[];
  };

  it('let who may view a namespace see pools, builders and tickets in it', async () => {
    const [rule] = await rules('kopr-view');
    expect(rule?.resources).toEqual(expect.arrayContaining(['builderpools', 'builders', 'buildertickets']));
    expect(rule?.verbs).toEqual(['get', 'list', 'watch']);
  });

  it('let nobody write them', async () => {
    for (const { resources } of await rules('kopr-edit')) {
      expect(resources.filter((resource) => resource.startsWith('builder'))).toEqual([]);
    }
  });
});
