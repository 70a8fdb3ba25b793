/** What the service for clients of Resalloc may ask for, when RBAC sets it no limit. */
import { describe, expect, it } from 'vitest';
import { exampleOf } from '../crds/examples.ts';
import type { Json } from '../crds/testing/api.ts';
import { eventually } from '../crds/testing/api.ts';
import type { Impersonator } from './testing/as.ts';
import { ALL_OF_KOPR, account, made, useInstalledApi } from './testing/installed-api.ts';

let users: Impersonator;

const RESALLOC = account('kopr-system', 'kopr-resalloc');
const OPERATOR = account('kopr-system', 'kopr-operator');
const KOPR = '/apis/kopr.dev/v1alpha1/namespaces';
const TICKETS = `${KOPR}/kopr-system/buildertickets`;

useInstalledApi([{ user: RESALLOC, role: ALL_OF_KOPR }], async (installed) => {
  ({ users } = installed);
  await installed.api.ok('POST', '/api/v1/namespaces', { metadata: { name: 'demo' } });
  await eventually(
    'the policy',
    () => users.as(RESALLOC, 'POST', `${TICKETS}?dryRun=All`, ticket('early', { owner: 'demo' })),
    ({ status, body }) => status === 403 && String(body.message).includes('kopr-internal-kinds'),
  );
});

function ticket(name: string, spec: Json = {}, metadata: Json = {}): Json {
  const own = { owner: 'resalloc', sandbox: 'resalloc:copr/a', architecture: 'x86_64', tags: ['copr_builder'] };
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'BuilderTicket',
    metadata: { name, ...metadata },
    spec: { ...own, environment: 'machine', ...spec },
  };
}

describe('a ticket of a client of Resalloc', () => {
  it('is made and closed by the service that speaks for them', async () => {
    await made(users.as(RESALLOC, 'POST', TICKETS, ticket('resalloc-1')));
    const note = { annotations: { 'kopr.dev/closed-at': '2026-11-29T08:00:00Z' } };
    await made(users.as(RESALLOC, 'PATCH', `${TICKETS}/resalloc-1`, { metadata: note, spec: { closed: true } }));
    await made(users.as(RESALLOC, 'DELETE', `${TICKETS}/resalloc-1`));
  });

  it.each<[string, Json]>([
    ['for a build', ticket('a', { chrootBuild: 'hello-1', chrootBuildUID: 'u1' })],
    ['of another owner', ticket('a', { owner: 'demo' })],
    ['in the sandbox of a project', ticket('a', { sandbox: 'demo/hello' })],
    [
      'that goes with another object',
      ticket('a', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }] }),
    ],
  ])('is not one %s', async (_, object) => {
    const { status, body } = await users.as(RESALLOC, 'POST', TICKETS, object);
    expect(body.message).toContain('makes and changes BuilderTickets of its own alone: in the namespace kopr-system');
    expect(status).toBe(403);
  });

  it('is not in the namespace of an owner, nor one of the operator', async () => {
    const elsewhere = await users.as(RESALLOC, 'POST', `${KOPR}/demo/buildertickets`, ticket('a'));
    expect(elsewhere.body.message).toContain('BuilderTickets of its own alone');
    const { metadata, ...rest } = exampleOf('BuilderTicket');
    const own = { ...rest, metadata: { ...metadata, namespace: 'kopr-system', name: 'own' } };
    await made(users.as(OPERATOR, 'POST', TICKETS, own));
    const { body } = await users.as(RESALLOC, 'PATCH', `${TICKETS}/own`, { spec: { closed: true } });
    expect(body.message).toContain('BuilderTickets of its own alone');
  });

  it('gives its maker no other kind and no status', async () => {
    for (const [kind, plural] of [
      ['Builder', 'builders'],
      ['ChrootBuild', 'chrootbuilds'],
    ] as const) {
      const { metadata, ...rest } = exampleOf(kind);
      const object = { ...rest, metadata: { ...metadata, namespace: 'demo' } };
      const { body } = await users.as(RESALLOC, 'POST', `${KOPR}/demo/${plural}`, object);
      expect(body.message).toContain(`${kind}s are made and changed by the kopr operator`);
    }
    await made(users.as(RESALLOC, 'POST', TICKETS, ticket('resalloc-2')));
    const status = { status: { phase: 'Assigned' } };
    const { body } = await users.as(RESALLOC, 'PATCH', `${TICKETS}/resalloc-2/status`, status);
    expect(body.message).toContain(`the status of a BuilderTicket is written by the kopr operator`);
  });
});
