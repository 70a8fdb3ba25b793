import { describe, expect, it } from 'vitest';
import { exampleOf } from '../crds/examples.ts';
import { ALL_KINDS } from '../crds/index.ts';
import type { Answer, Json, TestApi } from '../crds/testing/api.ts';
import { APPLY, eventually } from '../crds/testing/api.ts';
import type { Impersonator, Method } from './testing/as.ts';
import { ADMINISTRATOR, ALL_OF_KOPR, account, bind, made, useInstalledApi } from './testing/installed-api.ts';

let api: TestApi;
let users: Impersonator;

const OPERATOR = account('kopr-system', 'kopr-operator');
/** Has every right in its own namespace, and every right on kopr's kinds in all of them. */
const TENANT = account('demo', 'maker');
const COLLECTOR = account('kube-system', 'generic-garbage-collector');

useInstalledApi([{ user: TENANT, role: ALL_OF_KOPR }], async (installed) => {
  ({ api, users } = installed);
  await api.ok('POST', '/api/v1/namespaces', { metadata: { name: 'demo' } });
  await bind(api, { user: TENANT, role: 'cluster-admin', namespace: 'demo' });
  await eventually(
    'the policy',
    () => users.as(TENANT, 'POST', `${collection('ChrootBuild')}?dryRun=All`, exampleOf('ChrootBuild')),
    ({ status, body }) => status === 403 && String(body.message).includes('kopr-internal-kinds'),
  );
  for (const kind of WITH_STATUS) {
    await eventually(
      `the kind ${kind}`,
      () => users.as(OPERATOR_OR_ADMIN[kind] ?? ADMINISTRATOR, 'POST', collection(kind), exampleOf(kind)),
      ({ status }) => status < 300 || status === 409,
    );
  }
});

const INTERNAL = ['ChrootBuild', 'BuilderTicket', 'Builder'];
const WITH_STATUS = ALL_KINDS.filter(({ status }) => status !== undefined).map(({ kind }) => kind);
/** Who makes the object of a kind that the tests look at. */
const OPERATOR_OR_ADMIN: Record<string, string> = Object.fromEntries(INTERNAL.map((kind) => [kind, OPERATOR]));

function collection(kind: string): string {
  const { plural } = ALL_KINDS.find((candidate) => candidate.kind === kind) ?? { plural: '' };
  const { namespace } = exampleOf(kind).metadata;
  return `/apis/kopr.dev/v1alpha1/${namespace === undefined ? '' : `namespaces/${namespace}/`}${plural}`;
}

function pathOf(kind: string, subresource = ''): string {
  return `${collection(kind)}/${exampleOf(kind).metadata.name}${subresource}`;
}

function named(kind: string, name: string, metadata: Json = {}): Json {
  const { apiVersion, spec, metadata: own } = exampleOf(kind);
  return { apiVersion, kind, spec, metadata: { ...own, ...metadata, name } };
}

const WHO = 'the kopr operator (system:serviceaccount:kopr-system:kopr-operator) alone';

describe('what kopr writes for itself', () => {
  it.each([
    ['ChrootBuild', 'apply a Build'],
    ['BuilderTicket', 'apply a Build'],
    ['Builder', 'apply a Build, and a BuilderPool for more of them'],
  ])('is not made by others: %s', async (kind, remedy) => {
    const { status, body } = await users.as(TENANT, 'POST', collection(kind), named(kind, 'forged'));
    expect(body.message).toMatch(new RegExp(` denied request: ${kind}s are made and changed by .* alone; ${remedy}$`));
    expect(body.message).toContain(WHO);
    expect(status).toBe(403);
  });

  it('is not made by others with server-side apply either', async () => {
    const path = `${collection('ChrootBuild')}/forged?fieldManager=kopr-build`;
    const { status } = await users.as(TENANT, 'PATCH', path, named('ChrootBuild', 'forged'), APPLY);
    expect(status).toBe(403);
  });

  it.each<[string, string, Json]>([
    ['the end of a stage', 'ChrootBuild', { spec: { cancelled: true } }],
    ['the end of a ticket', 'BuilderTicket', { spec: { closed: true } }],
    ['the Build that a stage is found for', 'ChrootBuild', { metadata: { labels: { 'kopr.dev/build': 'other' } } }],
    [
      'the owner that collects it',
      'ChrootBuild',
      {
        metadata: {
          ownerReferences: [
            { apiVersion: 'kopr.dev/v1alpha1', kind: 'Build', name: 'hello-1', uid: 'f1', controller: true },
          ],
        },
      },
    ],
    ['what holds up its deletion', 'Builder', { metadata: { finalizers: ['example.com/never'] } }],
    ['a note', 'BuilderTicket', { metadata: { annotations: { a: 'b' } } }],
  ])('is not changed by others: %s', async (_, kind, change) => {
    const { status, body } = await users.as(TENANT, 'PATCH', pathOf(kind), change);
    expect(body.message).toContain(`${kind}s are made and changed by ${WHO}`);
    expect(status).toBe(403);
  });

  it.each(WITH_STATUS)('is the status of every kind: %s', async (kind) => {
    const status = { status: { observedGeneration: 7 } };
    const refused = await users.as(TENANT, 'PATCH', pathOf(kind, '/status'), status);
    expect(refused.body.message).toContain(`the status of a ${kind} is written by ${WHO}; change the spec`);
    expect(refused.status).toBe(403);
    const apply = { apiVersion: 'kopr.dev/v1alpha1', kind, ...status };
    const path = `${pathOf(kind, '/status')}?fieldManager=kopr-test`;
    expect((await made(users.as(OPERATOR, 'PATCH', path, apply, APPLY))).status).toMatchObject(status.status);
  });

  it('is made, changed and deleted by the operator', async () => {
    for (const kind of INTERNAL) await made(users.as(OPERATOR, 'POST', collection(kind), named(kind, 'own')));
    const at = (kind: string): string => `${collection(kind)}/own`;
    await made(users.as(OPERATOR, 'PATCH', at('ChrootBuild'), { spec: { cancelled: true } }));
    await made(users.as(OPERATOR, 'PATCH', at('BuilderTicket'), { spec: { closed: true } }));
    await made(users.as(OPERATOR, 'DELETE', at('ChrootBuild')));
    await made(users.as(OPERATOR, 'DELETE', at('Builder')));
  });

  it('may be restored and mended by who administers the cluster', async () => {
    await made(users.as(ADMINISTRATOR, 'POST', collection('ChrootBuild'), named('ChrootBuild', 'restored')));
    const path = `${collection('ChrootBuild')}/restored/status`;
    await made(users.as(ADMINISTRATOR, 'PATCH', path, { status: { phase: 'Succeeded' } }));
    await api.ok('POST', collection('BuilderTicket'), named('BuilderTicket', 'by-system-masters'));
  });
});

describe('what users write', () => {
  it('stays theirs: they make, note, cancel and delete a Build', async () => {
    await made(users.as(TENANT, 'POST', collection('Build'), named('Build', 'mine')));
    const path = `${collection('Build')}/mine`;
    await made(users.as(TENANT, 'PATCH', path, { metadata: { annotations: { note: 'mine' } } }));
    await made(users.as(TENANT, 'PATCH', path, { spec: { cancelled: true } }));
    await made(users.as(TENANT, 'DELETE', path));
  });

  it.each(['Project', 'Package', 'Chroot', 'BuildQuota'])('stays theirs: %s', async (kind) => {
    // Those with a status are there already.
    await users.as(TENANT, 'DELETE', pathOf(kind));
    await made(users.as(TENANT, 'POST', collection(kind), exampleOf(kind)));
    await made(users.as(TENANT, 'PATCH', pathOf(kind), { metadata: { labels: { a: 'b' } } }));
  });
});

describe('deletion', () => {
  const build = { apiVersion: 'kopr.dev/v1alpha1', kind: 'Build', name: 'gone', uid: 'f1', controller: true };

  async function make(kind: string, name: string, finalizer: string): Promise<string> {
    const object = named(kind, name, { finalizers: [finalizer], ownerReferences: [build] });
    await made(api.call('POST', collection(kind), object));
    return `${collection(kind)}/${name}`;
  }

  const gone = async (path: string): Promise<number> => (await api.call('GET', path)).status;
  const ask = (user: string, method: Method, path: string, body?: Json): Promise<Answer> =>
    users.as(user, method, path, body);

  it.each(INTERNAL)('of a %s is finished by the garbage collector', async (kind) => {
    const path = await make(kind, 'collected', 'foregroundDeletion');
    await made(ask(COLLECTOR, 'DELETE', path));
    await made(ask(COLLECTOR, 'PATCH', path, { metadata: { finalizers: null } }));
    expect(await gone(path)).toBe(404);
  });

  it('is all that the garbage collector has to do with them', async () => {
    const path = await make('ChrootBuild', 'collected-later', 'foregroundDeletion');
    await made(ask(COLLECTOR, 'DELETE', path));
    expect((await ask(COLLECTOR, 'PATCH', path, { spec: { cancelled: true } })).status).toBe(403);
  });

  it('of a Build alone lets the garbage collector cut its stages off', async () => {
    const path = await make('ChrootBuild', 'orphan', 'example.com/a');
    const { metadata } = await made(ask(COLLECTOR, 'PATCH', path, { metadata: { ownerReferences: null } }));
    expect(metadata).not.toHaveProperty('ownerReferences');
  });

  it('may be asked for and finished by others, but changes nothing else', async () => {
    const path = await make('ChrootBuild', 'ending', 'example.com/a');
    expect((await ask(TENANT, 'PATCH', path, { metadata: { finalizers: null } })).status).toBe(403);
    await made(ask(TENANT, 'DELETE', path));
    for (const change of [
      { metadata: { labels: { 'kopr.dev/build': 'other' } } },
      { metadata: { ownerReferences: [{ ...build, uid: 'f2' }] } },
      { spec: { cancelled: true } },
    ]) {
      expect((await ask(TENANT, 'PATCH', path, change)).body.message).toContain('ChrootBuilds are made and changed by');
    }
    await made(ask(TENANT, 'PATCH', path, { metadata: { finalizers: null } }));
    expect(await gone(path)).toBe(404);
  });

  it('of a machine is finished by the operator, or by who administers the cluster, alone', async () => {
    const finalizers = ['kopr.dev/machine'];
    for (const user of [OPERATOR, ADMINISTRATOR]) {
      const path = `${collection('Builder')}/machine-${user === OPERATOR ? 'a' : 'b'}`;
      await made(
        api.call('POST', collection('Builder'), named('Builder', path.split('/').at(-1) ?? '', { finalizers })),
      );
      await made(ask(ADMINISTRATOR, 'DELETE', path));
      const { body } = await ask(TENANT, 'PATCH', path, { metadata: { finalizers: null } });
      expect(body.message).toContain('Builders are made and changed by');
      await made(ask(user, 'PATCH', path, { metadata: { finalizers: null } }));
      expect(await gone(path)).toBe(404);
    }
  });
});
