import { createHash } from 'node:crypto';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { installCRDs } from '../crds/testing/install.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import { loadAccess } from '../operator/access.ts';
import { type ApiClient, createClient } from '../operator/client.ts';
import { freshNamespace, realClient } from '../operator/testing/realApi.ts';
import type { ApiConfig } from './config.ts';
import { startPostgres, type TestPostgres } from './db/testing/postgres.ts';
import { callerOf, defineRoute } from './http/route.ts';
import { basic } from './http/testing/rig.ts';
import { type Service, type ServiceParts, startService } from './service.ts';

/** A real API server and a real PostgreSQL; of the parts made from caches the routes here need none. */
const parts: ServiceParts = {
  cluster: () => ({}) as ReturnType<ServiceParts['cluster']>,
  stages: () => ({ find: () => Promise.resolve(undefined) }),
};
const routes = [
  defineRoute({
    operation: 'test.open',
    methods: ['GET'],
    path: '/open',
    summary: 'Asks nothing',
    access: 'anyone',
    result: z.object({}),
    handle: () => Promise.resolve({}),
  }),
  defineRoute({
    operation: 'test.whoami',
    methods: ['GET'],
    path: '/whoami',
    summary: 'Caller',
    access: 'user',
    result: z.object({}),
    handle: (call) => Promise.resolve({ name: callerOf(call).name }),
  }),
  defineRoute({
    operation: 'test.right',
    methods: ['POST'],
    path: '/right/:right/:namespace',
    summary: 'Rights',
    access: 'user',
    params: z.object({ right: z.enum(['build', 'edit', 'own']), namespace: z.string() }),
    result: z.object({}),
    async handle({ params, services, signal, ...call }) {
      const project = { owner: 'somebody', namespace: params.namespace, name: 'p' };
      await services.rights.require(callerOf(call), params.right, project, signal);
      return {};
    },
  }),
];

let postgres: TestPostgres;
let client: ApiClient;
let service: Service;
let url: string;

beforeAll(async () => {
  client = await realClient();
  await installCRDs(client);
  postgres = await startPostgres();
  const registry = new Registry();
  const log = createLogger('api', 'fatal');
  const access = await loadAccess({ clock: systemClock, kubeconfig: inject('kubeconfig') });
  const config: ApiConfig = {
    logLevel: 'fatal',
    releaseNamespace: 'kopr-system',
    buildsNamespace: 'kopr-builds',
    frontendURL: 'http://copr.test',
    databaseURL: await postgres.createDatabase(),
    ownerTemplateFile: undefined,
    tokenDays: 180,
    apiServer: {},
    httpPort: 0,
    metricsPort: 0,
    metricsTokenFile: undefined,
    uploadKey: Buffer.alloc(32, 'k'),
    redisURL: undefined,
    databaseConnections: 4,
    site: {
      frontendURL: 'http://copr.test',
      resultsURL: 'http://127.0.0.1:1/results',
      resultsInternalURL: 'http://127.0.0.1:1/results',
      publisherURL: 'http://127.0.0.1:1',
      releaseNamespace: 'kopr-system',
      buildsNamespace: 'kopr-builds',
      maxUploadBytes: 1024,
      tokenDays: 180,
    },
  };
  service = await startService(config, {
    client: createClient({ access, clock: systemClock, log, registry, userAgent: 'kopr-api-test' }),
    clock: systemClock,
    log,
    registry,
    random: (bytes) => Buffer.alloc(bytes),
    routes: [
      ...routes,
      defineRoute({
        operation: 'test.user',
        methods: ['POST'],
        path: '/user/:name',
        summary: 'Makes a user with a token',
        access: 'anyone',
        params: z.object({ name: z.string() }),
        result: z.object({}),
        async handle({ params, services }) {
          await services.db.users.add(params.name, { isAdmin: false });
          const user = await services.db.users.byName(params.name);
          const hash = createHash('sha256').update('secret').digest();
          const expiresAt = systemClock.now() + 60_000;
          return services.db.tokens.add({
            userID: user?.id ?? 0,
            login: params.name,
            hash,
            description: '',
            expiresAt,
          });
        },
      }),
    ],
    parts,
    lameDuckMs: 0,
  });
  url = `http://127.0.0.1:${service.ports.http}/api_3`;
});
afterAll(async () => {
  await service?.stop(5_000);
  await postgres?.stop();
});

async function status(path: string, authorization?: string, method = 'GET'): Promise<[number, string]> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: authorization === undefined ? {} : { authorization },
  });
  return [response.status, await response.text()];
}

/** A token of a ServiceAccount that may do these verbs on builds and projects of the namespace. */
async function serviceAccount(namespace: string, verbs: Record<string, string[]>): Promise<string> {
  const post = <R>(path: string, body: object): Promise<R> => client.request<R>({ method: 'POST', path, body });
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  await post(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'ci' } });
  await post(`${rbac}/roles`, {
    metadata: { name: 'ci' },
    rules: Object.entries(verbs).map(([resource, list]) => ({
      apiGroups: ['kopr.dev'],
      resources: [resource],
      verbs: list,
    })),
  });
  await post(`${rbac}/rolebindings`, {
    metadata: { name: 'ci' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'ci' },
    subjects: [{ kind: 'ServiceAccount', name: 'ci', namespace }],
  });
  const answer = await post<{ status: { token: string } }>(`/api/v1/namespaces/${namespace}/serviceaccounts/ci/token`, {
    spec: {},
  });
  return `Bearer ${answer.status.token}`;
}

test('the token of a ServiceAccount is taken, and Kubernetes says what it may do', async () => {
  const namespace = await freshNamespace(client, 'api-sa');
  const other = await freshNamespace(client, 'api-sa');
  const bearer = await serviceAccount(namespace, { builds: ['create'], projects: ['update'] });
  expect(await status('/whoami', bearer)).toEqual([200, `{"name":"system:serviceaccount:${namespace}:ci"}`]);
  expect((await status('/whoami', `${bearer}x`))[0]).toBe(401);
  for (const [right, expected] of [
    ['build', 200],
    ['edit', 200],
    ['own', 403],
  ] as const) {
    expect((await status(`/right/${right}/${namespace}`, bearer, 'POST'))[0]).toBe(expected);
    expect((await status(`/right/${right}/${other}`, bearer, 'POST'))[0]).toBe(403);
  }
});

test('without PostgreSQL it stays ready: what needs it is 503, the rest is answered, and it comes back', async () => {
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${service.ports.metrics}/readyz`)).status;
  await expect
    .poll(() => status('/user/alice', undefined, 'POST').then(([code]) => code), { timeout: 20_000 })
    .toBe(200);
  expect(await status('/whoami', basic('alice', 'secret'))).toEqual([200, '{"name":"alice"}']);
  await postgres.kill();
  const [code, body] = await status('/whoami', basic('nobody', 'x'));
  expect([code, JSON.parse(body)]).toEqual([503, { error: expect.stringMatching(/database/) }]);
  expect((await status('/open'))[0]).toBe(200);
  expect(await ready()).toBe(200);
  await postgres.start();
  await expect
    .poll(() => status('/whoami', basic('alice', 'secret')).then(([now]) => now), { timeout: 20_000 })
    .toBe(200);
});
