import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { Namespaces } from '../../operator/core.ts';
import { eventually } from '../../operator/testing/harness.ts';
import type { Bed } from '../testing/bed.ts';
import { startBed } from '../testing/bed.ts';
import { parseOwnerTemplate } from './owner-template.ts';
import type { NewProject } from './world.ts';

let bed: Bed;
const { signal } = new AbortController();
let serial = 0;

/** What the chart ships, but for the ResourceQuota: nobody counts here, and an uncounted quota refuses everything. */
function template(): ReturnType<typeof parseOwnerTemplate> {
  const values = parse(readFileSync(join(import.meta.dirname, '../../charts/kopr/values.yaml'), 'utf8')) as {
    owners: { template: unknown };
  };
  return parseOwnerTemplate(stringify(values.owners.template)).filter(({ type }) => type.kind !== 'ResourceQuota');
}

beforeAll(async () => {
  bed = await startBed({ routes: [], cluster: { terminationMs: 20_000, ownerTemplate: template() } });
});
afterAll(() => bed?.stop());

async function freshOwner(): Promise<string> {
  serial += 1;
  const owner = `owner${process.pid}-${serial}`;
  await bed.cluster.owners.ensure(owner, { signal });
  return owner;
}

function draft(owner: string, name: string): NewProject {
  const spec = { chroots: ['fedora-43-x86_64'] } as NewProject['spec'];
  return { owner, namespace: bed.cluster.namespaceOf(owner) ?? '', name, spec };
}

async function quota(namespace: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
  const spec = { hard: { 'count/projects.kopr.dev': '1' } };
  await bed.kube.request({ method: 'POST', path, body: { metadata: { name: 'q' }, spec } });
  return `${path}/q/status`;
}

/** What a controller manager would do; without a number, as when it has not counted yet. */
async function count(path: string, used?: string): Promise<void> {
  const status = {
    hard: { 'count/projects.kopr.dev': '1' },
    ...(used === undefined ? {} : { used: { 'count/projects.kopr.dev': used } }),
  };
  await bed.kube.request({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { status } });
}

test('a quota that is used up is a 403 that says so, one that is not counted yet is waited for', async () => {
  const owner = await freshOwner();
  const path = await quota(bed.cluster.namespaceOf(owner) ?? '');
  await count(path);
  // The admission of quotas sees a new one with a delay.
  await eventually(
    'the refusal by the new quota',
    async () => {
      const body = { ...draft(owner, 'x'), metadata: { name: `probe${serial++}` } };
      const post = { method: 'POST', path: `/apis/kopr.dev/v1alpha1/namespaces/${owner}/projects` } as const;
      const refused = (error: unknown): boolean => error instanceof Error && error.message.includes('status unknown');
      return bed.kube
        .request({ ...post, body: { apiVersion: 'kopr.dev/v1alpha1', kind: 'Project', ...body } })
        .then(() => false, refused);
    },
    15_000,
  );
  const first = bed.cluster.createProject(draft(owner, 'first'), signal);
  await count(path, '0');
  expect((await first).name).toBe('first');
  await eventually(
    'the refusal by the quota',
    async () => {
      const error: unknown = await bed.cluster
        .createProject(draft(owner, `q${serial++}`), signal)
        .catch((caught: unknown) => caught);
      return error instanceof Error && error.message.startsWith('The quota of this owner is used up');
    },
    15_000,
  );
});

test('owners get namespaces; what is reserved or belongs to others is refused, unless it is adopted', async () => {
  const { cluster } = bed;
  const { owners } = cluster;
  const group = `@g-${process.pid}`;
  const namespace = await owners.ensure(group, {});
  expect(namespace).toMatch(new RegExp(`^owner-g-${process.pid}-[0-9a-f]{10}$`));
  expect(cluster.namespaceOf(group)).toBe(namespace);
  expect(await owners.ensure(group, {})).toBe(namespace);
  const furniture = [
    `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/kopr-owner-deny-all`,
    `/api/v1/namespaces/${namespace}/limitranges/kopr-owner`,
    `/apis/kopr.dev/v1alpha1/namespaces/${namespace}/buildquotas/default`,
  ];
  for (const path of furniture) expect(await bed.kube.request({ method: 'GET', path })).toBeDefined();
  for (const name of ['default', 'kube-system', 'kopr-system', 'kopr-builds', 'owner-x', 'no spaces', '@']) {
    await expect(owners.ensure(name, { adopt: true }), name).rejects.toMatchObject({ status: 400 });
  }
  const existing = `ours-${process.pid}`;
  await bed.kube.create(Namespaces, { metadata: { name: existing } });
  await expect(owners.ensure(existing, {})).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('--adopt'),
  });
  expect(await owners.ensure(existing, { adopt: true })).toBe(existing);
  expect(await owners.ensure(existing, {})).toBe(existing);
});

test('a namespace whose maker died before its objects were there gets them', async () => {
  serial += 1;
  const name = `half-${process.pid}-${serial}`;
  await bed.kube.create(Namespaces, { metadata: { name, labels: { 'kopr.dev/owner-namespace': 'true' } } });
  expect(await bed.cluster.owners.ensure(name, {})).toBe(name);
  const path = `/api/v1/namespaces/${name}/limitranges/kopr-owner`;
  expect(await bed.kube.request({ method: 'GET', path })).toBeDefined();
});
