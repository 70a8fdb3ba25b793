import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Project } from '../../crds/project.ts';
import type { Bed } from '../testing/bed.ts';
import { OLD_CHROOT, RESULTS_URL, startBed } from '../testing/bed.ts';
import type { BedClient } from '../testing/client.ts';
import { projectRoutes } from './projects.ts';
import { projectResult } from './projects-schemas.ts';

const F43 = 'fedora-43-x86_64';
const F42 = 'fedora-42-x86_64';
const link = { link: { url: 'http://files.test/hello-1-1.src.rpm' } };

let bed: Bed;
let alice: BedClient;
let eve: BedClient;
let admin: BedClient;

beforeAll(async () => {
  bed = await startBed({ routes: projectRoutes });
  [alice, eve, admin] = [await bed.user('alice'), await bed.user('eve'), await bed.user('root', { isAdmin: true })];
});
afterAll(() => bed?.stop());

let serial = 0;
async function fresh(more: object = {}, owner = alice): Promise<string> {
  serial += 1;
  const name = `p${serial}`;
  await owner.ok('POST', `/project/add/${owner.name}`, { name, chroots: [F43], ...more });
  return name;
}

function specOf(name: string, owner = alice.name): Project['spec'] {
  const spec = bed.cluster.project(owner, name)?.project.spec;
  if (spec === undefined) throw new Error(`there is no project ${owner}/${name}`);
  return spec;
}

describe('adding', () => {
  test('gives the project as every client reads it, and the resource what was asked for', async () => {
    const answer = await alice.post(`/project/add/${alice.name}`, {
      name: 'Full_Name',
      chroots: [F43, F42],
      description: 'What it is\n',
      homepage: 'https://example.org',
      contact: 'alice@example.org',
      additional_repos: ['https://example.org/$basearch/?priority=5'],
      delete_after_days: 3,
      repo_priority: 7,
      packit_forge_projects_allowed: 'https://github.com/a/b github.com/c/*',
      use_bootstrap_container: true,
      enable_net: true,
      progress_callback: null,
      unknown: 'x',
    });
    expect(answer.status, answer.text).toBe(200);
    expect(projectResult.parse(answer.body)).toMatchObject({
      name: 'Full_Name',
      ownername: alice.name,
      full_name: `${alice.name}/Full_Name`,
      description: 'What it is\n',
      instructions: '',
      homepage: 'https://example.org',
      contact: 'alice@example.org',
      additional_repos: ['https://example.org/$basearch/?priority=5'],
      packit_forge_projects_allowed: ['github.com/a/b', 'github.com/c/*'],
      repo_priority: 7,
      bootstrap: 'on',
      enable_net: true,
      auto_prune: true,
      follow_fedora_branching: true,
      storage: 'backend',
      chroot_repos: {
        [F43]: `${RESULTS_URL}/${alice.name}/Full_Name/${F43}/`,
        [F42]: `${RESULTS_URL}/${alice.name}/Full_Name/${F42}/`,
      },
    });
    expect(specOf('Full_Name')).toMatchObject({ name: 'Full_Name', expiresAt: expect.stringMatching(/T00:00:00Z$/) });
    const got = await bed.anonymous.get(`/project?ownername=${alice.name}&projectname=Full_Name`);
    expect(got.body).toEqual(answer.body);
  });

  test.each([
    ['no name', { name: undefined }, 400, /^name: This field is required\.$/],
    ['a name of digits', { name: '123' }, 400, /^name: must not be digits alone$/],
    ['a name with a slash', { name: 'a/b' }, 400, /^name: must be letters/],
    ['a long name', { name: 'x'.repeat(101) }, 400, /^name: must not be longer than 100/],
    ['a name of dots', { name: '..' }, 400, /^name: must not be dots alone/],
    ['no chroots', { chroots: undefined }, 400, /^chroots: This field is required\.$/],
    ['an empty list of chroots', { chroots: [] }, 400, /^chroots: At least one/],
    [
      'an unknown chroot',
      { chroots: ['nope-1-x86_64'] },
      400,
      /^chroots: 'nope-1-x86_64' is not a valid choice for this field$/,
    ],
    ['a chroot at its end of life', { chroots: [OLD_CHROOT] }, 400, /is not a valid choice for this field/],
    ['a bad homepage', { homepage: 'ftp://x' }, 400, /^homepage: must be a URL/],
    ['a bad repository', { additional_repos: 'nonsense' }, 400, /^repos: 'nonsense' is no repository/],
    [
      'a repository of nobody',
      { additional_repos: ['copr://no/body'] },
      400,
      /^repos: .*no\/body, which does not exist/,
    ],
    ['a bad bootstrap', { bootstrap: 'maybe' }, 400, /^bootstrap: is not a valid choice for this field/],
    ['too many days', { delete_after_days: 721 }, 400, /^delete_after_days: /],
    ['a priority of 0', { repo_priority: 0 }, 400, /^repo_priority: /],
    ['persistence', { persistent: true }, 403, /administrators/],
    ['no pruning', { auto_prune: false }, 403, /administrators/],
    ['a storage', { storage: 'backend' }, 403, /administrators/],
    ['two things wrong', { homepage: 'x', contact: 'y' }, 400, /^homepage: .*\ncontact: /],
  ])('refuses %s', async (_what, more, status, message) => {
    const answer = await alice.post(`/project/add/${alice.name}`, { name: 'refused', chroots: [F43], ...more });
    expect(answer.body).toEqual({ error: expect.stringMatching(message) });
    expect(answer.status).toBe(status);
  });

  test('refuses a name that is taken, unless that is said to be all right', async () => {
    const name = await fresh({ description: 'first' });
    const path = `/project/add/${alice.name}`;
    const again = await alice.post(path, { name, chroots: [F43] });
    expect([again.status, again.body.error]).toEqual([400, `name: You already have a project named '${name}'.`]);
    const same = await alice.post(`${path}?exist_ok=True`, { name, chroots: [F42], description: 'second' });
    expect([same.status, same.body.description]).toEqual([200, 'first']);
    expect((await alice.post(`${path}?exist_ok=true`, { name, chroots: [F43] })).status).toBe(400);
  });

  test('is for owners, members of groups and site administrators', async () => {
    const group = await bed.group('team');
    const carol = await bed.user('carol', { groups: [group] });
    const form = { name: 'shared', chroots: [F43] };
    expect((await carol.post(`/project/add/@${group}`, form)).body).toMatchObject({ full_name: `@${group}/shared` });
    expect((await carol.post(`/project/add/@${group}`, form)).body.error).toBe(
      `name: Group ${group} (fas: ${group}) already has a project named 'shared'.`,
    );
    expect((await alice.post(`/project/add/@${group}`, form)).status).toBe(403);
    expect((await alice.post('/project/add/@nobody-at-all', form)).status).toBe(404);
    expect((await alice.post(`/project/add/${eve.name}`, form)).status).toBe(403);
    expect((await alice.post('/project/add/nobody-at-all', form)).status).toBe(404);
    expect((await admin.post(`/project/add/${eve.name}`, { ...form, persistent: true })).body).toMatchObject({
      ownername: eve.name,
      persistent: true,
    });
    expect((await bed.anonymous.post(`/project/add/${alice.name}`, form)).status).toBe(401);
    const path = `/project/delete/${eve.name}/shared`;
    expect((await eve.delete(path, { verify: true })).status).toBe(403);
  });
});

describe('editing', () => {
  test('changes what is given, and nothing else', async () => {
    const name = await fresh({ description: 'old', contact: 'a@b.c', repo_priority: 3, delete_after_days: 5 });
    const path = `/project/edit/${alice.name}/${name}?ownername=${alice.name}&projectname=${name}`;
    const answer = await alice.ok('PUT', path, {
      description: 'new',
      contact: '',
      repos: `copr://${alice.name}/${name} http://a.test/`,
      repo_priority: '',
      delete_after_days: -1,
      bootstrap: 'default',
      multilib: true,
      chroots: [],
    });
    expect(answer).toMatchObject({
      description: 'new',
      contact: null,
      repo_priority: null,
      additional_repos: [`copr://${alice.name}/${name}`, 'http://a.test/'],
    });
    const spec = specOf(name);
    expect(spec).toMatchObject({ chroots: [F43], options: { multilib: true } });
    expect(spec.expiresAt).toBeUndefined();
    expect(await alice.ok('PUT', path, { runtime_dependencies: ['http://b.test'] })).toMatchObject({
      description: 'new',
    });
    expect(specOf(name).runtimeDependencies).toEqual(['http://b.test']);
  });

  test('replaces all chroots, but none that a build works in', async () => {
    const name = await fresh({ chroots: [F43, F42] });
    const project = bed.cluster.project(alice.name, name);
    if (project === undefined) throw new Error('the project is not there');
    const build = await bed.cluster.createBuild(
      { project, spec: { source: link, background: false, cancelled: false, chroots: [F42] }, submitter: alice.name },
      AbortSignal.timeout(5_000),
    );
    const path = `/project/edit/${alice.name}/${name}`;
    const refused = await alice.put(path, { chroots: [F43] });
    expect(refused.status).toBe(409);
    expect(refused.body.error).toContain(`: ${build.metadata.labels?.['kopr.dev/id']}.`);
    expect((await alice.put(path, { chroots: [F42] })).body.chroot_repos).toEqual({
      [F42]: `${RESULTS_URL}/${alice.name}/${name}/${F42}/`,
    });
    expect((await alice.put(path, { chroots: [F42, 'x-1-y'] })).body.error).toMatch(/is not a valid choice/);
    const busy = await alice.delete(`/project/delete/${alice.name}/${name}`, { verify: true });
    expect([busy.status, busy.body.error]).toEqual([400, expect.stringContaining('unfinished builds')]);
    await bed.cluster.cancelBuild(build, AbortSignal.timeout(5_000));
    expect((await alice.delete(`/project/delete/${alice.name}/${name}`, { verify: true })).status).toBe(200);
  });

  test('is for editors, and a missing project is 404 before anything else is looked at', async () => {
    const name = await fresh();
    expect((await eve.put(`/project/edit/${alice.name}/${name}`, { description: 'x' })).status).toBe(403);
    expect((await eve.put(`/project/edit/${alice.name}/${name}`, { homepage: 'x' })).status).toBe(400);
    const missing = await eve.put(`/project/edit/${alice.name}/missing`, { homepage: 'x' });
    expect([missing.status, missing.body.error]).toEqual([404, expect.stringContaining(`${alice.name}/missing`)]);
    expect((await alice.put(`/project/edit/${alice.name}/${name}`, { auto_prune: false })).status).toBe(403);
    const old = await alice.post(`/project/edit/${alice.name}/${name}`, { auto_prune: true });
    expect([old.status, old.headers.get('warning')]).toEqual([200, expect.stringContaining('PUT')]);
  });

  test('regeneration is asked for by the annotation, anew each time', async () => {
    const name = await fresh();
    const path = `/project/regenerate-repos/${alice.name}/${name}`;
    const asked = new Set<string | undefined>();
    for (let round = 0; round < 3; round++) {
      expect((await alice.put(path)).status).toBe(200);
      asked.add(bed.cluster.project(alice.name, name)?.project.metadata.annotations?.['kopr.dev/regenerate-repos']);
    }
    expect(asked.size).toBe(3);
    expect((await eve.put(path)).status).toBe(403);
  });
});

test('a deleted project is gone at once, and its name free', async () => {
  const name = await fresh({ description: 'gone' });
  const path = `/project/delete/${alice.name}/${name}`;
  expect((await eve.delete(path, { verify: true })).status).toBe(403);
  expect((await alice.delete(path, { verify: true })).body).toMatchObject({ name, description: 'gone' });
  expect((await alice.get(`/project?ownername=${alice.name}&projectname=${name}`)).status).toBe(404);
  expect((await alice.delete(path)).status).toBe(404);
  expect((await alice.post(`/project/add/${alice.name}`, { name, chroots: [F43] })).body.description).toBe('');
});
