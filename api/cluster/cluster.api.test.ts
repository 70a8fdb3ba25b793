import { afterAll, beforeAll, expect, test } from 'vitest';
import { Builds } from '../../crds/build.ts';
import { ID_LABEL, objectNameFor } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import type { Bed } from '../testing/bed.ts';
import { startBed } from '../testing/bed.ts';
import type { NewProject } from './world.ts';

let bed: Bed;
const { signal } = new AbortController();
const link = { link: { url: 'http://files.test/hello-1-1.src.rpm' } };
let serial = 0;

beforeAll(async () => {
  bed = await startBed({ routes: [], cluster: { terminationMs: 700 } });
});
afterAll(() => bed?.stop());

/** An owner that no other test has. */
async function freshOwner(): Promise<string> {
  serial += 1;
  const owner = `world-${process.pid}-${serial}`;
  await bed.cluster.owners.ensure(owner, { signal });
  return owner;
}

function draft(owner: string, name: string, more: Partial<NewProject['spec']> = {}): NewProject {
  const spec = { chroots: ['fedora-43-x86_64'], ...more } as NewProject['spec'];
  return { owner, namespace: bed.cluster.namespaceOf(owner) ?? '', name, spec };
}

test('what was written is found at once, with the number that was given to it', async () => {
  const owner = await freshOwner();
  const made = await bed.cluster.createProject(draft(owner, 'My_Project'), signal);
  expect(bed.cluster.project(owner, 'My_Project')).toBe(made);
  expect(made).toMatchObject({ owner, name: 'My_Project', fullName: `${owner}/My_Project`, id: expect.any(Number) });
  expect(made.project.metadata.labels).toEqual({ [ID_LABEL]: String(made.id) });
  expect(bed.cluster.projectsOf(owner)).toEqual([made]);
  await bed.cluster.deleteProject(made, signal);
  expect(bed.cluster.project(owner, 'My_Project')).toBeUndefined();
  expect(bed.cluster.projectsOf(owner)).toEqual([]);
});

test('a name that is taken is refused in the words that clients look for', async () => {
  const owner = await freshOwner();
  await bed.cluster.createProject(draft(owner, 'p'), signal);
  await expect(bed.cluster.createProject(draft(owner, 'p'), signal)).rejects.toMatchObject({
    status: 400,
    message: "name: You already have a project named 'p'.",
  });
});

test('changes made at once are all kept', async () => {
  const owner = await freshOwner();
  const made = await bed.cluster.createProject(draft(owner, 'busy'), signal);
  const users = Array.from({ length: 6 }, (_, index) => `user${index}`);
  await Promise.all(
    users.map((user) =>
      bed.cluster.patchProject(
        made,
        ({ spec }) => ({
          spec: { permissions: [...(spec.permissions ?? []), { user, builder: 'request' }] },
        }),
        signal,
      ),
    ),
  );
  const { permissions } = bed.cluster.project(owner, 'busy')?.project.spec ?? {};
  expect(permissions?.map(({ user }) => user).sort()).toEqual(users);
});

test('a project whose former namesake is being deleted waits for its end, and says so when that takes too long', async () => {
  const owner = await freshOwner();
  const made = await bed.cluster.createProject(draft(owner, 'again'), signal);
  const key = `${made.namespace}/again`;
  const held = await bed.kube.get(Projects, key);
  await bed.kube.patchFinalizers(Projects, held as Project, ['kopr.dev/test']);
  await bed.cluster.deleteProject(made, signal);
  await expect(bed.cluster.createProject(draft(owner, 'again'), signal)).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('is still being deleted'),
  });
  const waiting = bed.cluster.createProject(draft(owner, 'again'), signal);
  const terminating = await bed.kube.get(Projects, key);
  await bed.kube.patchFinalizers(Projects, terminating as Project, []);
  expect((await waiting).uid).not.toBe(made.uid);
});

test('builds are listed newest first, found by number, cancelled, and gone as soon as a Removal names them', async () => {
  const owner = await freshOwner();
  const project = await bed.cluster.createProject(draft(owner, 'p'), signal);
  const make = () =>
    bed.cluster.createBuild(
      { project, spec: { source: link, background: false, cancelled: false }, submitter: 'eve' },
      signal,
    );
  const first = await make();
  const second = await make();
  const number = Number(second.metadata.labels?.[ID_LABEL]);
  expect(second.metadata.name).toBe(`p-${number}`);
  expect(second.metadata.annotations).toEqual({ 'kopr.dev/submitter': 'eve' });
  expect(bed.cluster.buildsOf(project).map(({ metadata }) => metadata.name)).toEqual([
    second.metadata.name,
    first.metadata.name,
  ]);
  expect(bed.cluster.build(number)?.metadata.uid).toBe(second.metadata.uid);
  expect((await bed.cluster.cancelBuild(second, signal)).spec.cancelled).toBe(true);
  expect(bed.cluster.build(number)?.spec.cancelled).toBe(true);
  await bed.cluster.removeBuilds(project, [number], signal);
  expect(bed.cluster.build(number)).toBeUndefined();
  expect(bed.cluster.buildsOf(project)).toHaveLength(1);
  expect(bed.cluster.removed(project)).toEqual([number]);
});

test('a Removal of another tenant hides nothing', async () => {
  const [owner, other] = [await freshOwner(), await freshOwner()];
  const project = await bed.cluster.createProject(draft(owner, 'p'), signal);
  const theirs = await bed.cluster.createProject(draft(other, 'p'), signal);
  const build = await bed.cluster.createBuild(
    { project, spec: { source: link, background: false, cancelled: false }, submitter: undefined },
    signal,
  );
  const number = Number(build.metadata.labels?.[ID_LABEL]);
  await bed.cluster.removeBuilds(theirs, [number], signal);
  expect(bed.cluster.build(number)).toBeDefined();
});

test('a build of another replica is found by asking the API server', async () => {
  const owner = await freshOwner();
  const project = await bed.cluster.createProject(draft(owner, 'p'), signal);
  const metadata = { name: 'p-777001', namespace: project.namespace, labels: { [ID_LABEL]: '777001' } };
  await bed.kube.create(Builds, {
    metadata,
    spec: { project: 'p', source: link, background: false, cancelled: false },
  });
  expect((await bed.cluster.findBuild(777_001, signal))?.metadata.name).toBe('p-777001');
  expect(await bed.cluster.findBuild(777_002, signal)).toBeUndefined();
});

test('a project of another replica is found by asking the API server', async () => {
  const owner = await freshOwner();
  const { namespace } = draft(owner, 'x');
  const spec = { ...draft(owner, 'x').spec, name: 'Their_Project' };
  const metadata = { name: objectNameFor('Their_Project'), namespace, labels: { [ID_LABEL]: '778001' } };
  await bed.kube.create(Projects, { metadata, spec });
  expect((await bed.cluster.findProject(owner, 'Their_Project', signal))?.id).toBe(778_001);
  expect(bed.cluster.project(owner, 'Their_Project')).toBeDefined();
  expect(await bed.cluster.findProject(owner, 'theirs', signal)).toBeUndefined();
  expect(await bed.cluster.findProject('nobody-at-all', 'x', signal)).toBeUndefined();
});

test('a name of a Build that somebody took by hand costs a number, and no build', async () => {
  const owner = await freshOwner();
  const project = await bed.cluster.createProject(draft(owner, 'p'), signal);
  const spec = { source: link, background: false, cancelled: false };
  const first = await bed.cluster.createBuild({ project, spec, submitter: undefined }, signal);
  const next = Number(first.metadata.labels?.[ID_LABEL]) + 1;
  const metadata = { name: `p-${next}`, namespace: project.namespace };
  await bed.kube.create(Builds, { metadata, spec: { ...spec, project: 'p' } });
  const second = await bed.cluster.createBuild({ project, spec, submitter: undefined }, signal);
  expect(second.metadata.name).toBe(`p-${next + 1}`);
});

test('what the schema refuses is told as the sentence of its rule', async () => {
  const owner = await freshOwner();
  const bad = draft(owner, 'p', { chroots: ['Fedora 43'] });
  await expect(bed.cluster.createProject(bad, signal)).rejects.toMatchObject({
    status: 400,
    message: expect.stringMatching(/^chroots: must be the name of a chroot: distribution, release and architecture/),
  });
});
