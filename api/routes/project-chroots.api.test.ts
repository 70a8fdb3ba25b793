import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bed } from '../testing/bed.ts';
import { OLD_CHROOT, RESULTS_URL, startBed } from '../testing/bed.ts';
import type { BedClient } from '../testing/client.ts';
import { projectChrootRoutes } from './project-chroots.ts';
import { projectRoutes } from './projects.ts';

const F43 = 'fedora-43-x86_64';
const COMPS = '<?xml version="1.0"?>\n<comps>\n  <group><id>hello</id></group>\n</comps>\n';

let bed: Bed;
let alice: BedClient;
let eve: BedClient;

beforeAll(async () => {
  bed = await startBed({ routes: [...projectRoutes, ...projectChrootRoutes] });
  [alice, eve] = [await bed.user('alice'), await bed.user('eve')];
});
afterAll(() => bed?.stop());

let serial = 0;
async function fresh(more: object = {}): Promise<{ name: string; edit: string; query: string }> {
  serial += 1;
  const name = `p${serial}`;
  await alice.ok('POST', `/project/add/${alice.name}`, { name, chroots: [F43], ...more });
  return {
    name,
    edit: `/project-chroot/edit/${alice.name}/${name}/${F43}`,
    query: `ownername=${alice.name}&projectname=${name}&chrootname=${F43}`,
  };
}

const untouched = {
  mock_chroot: F43,
  comps_name: null,
  delete_after_days: null,
  isolation: 'unchanged',
  additional_repos: [],
  additional_packages: [],
  additional_modules: [],
  with_opts: [],
  without_opts: [],
};

test('settings are changed, kept, cleared and reset, each alone', async () => {
  const { name, edit, query } = await fresh();
  const plain = { ...untouched, ownername: alice.name, projectname: name };
  expect((await bed.anonymous.get(`/project-chroot?${query}`)).body).toEqual(plain);
  const changed = await alice.multipart('PUT', edit, {
    additional_packages: 'gcc @development-tools',
    additional_repos: ['http://a.test/', `copr://${alice.name}/${name}`],
    additional_modules: 'nodejs:22,!ruby:3',
    with_opts: ['tests'],
    without_opts: 'docs',
    isolation: 'simple',
    bootstrap: null,
  });
  const settings = {
    ...plain,
    additional_packages: ['gcc', '@development-tools'],
    additional_repos: ['http://a.test/', `copr://${alice.name}/${name}`],
    additional_modules: ['nodejs:22', '!ruby:3'],
    with_opts: ['tests'],
    without_opts: ['docs'],
    isolation: 'simple',
  };
  expect(changed.text).toBe(JSON.stringify(changed.body));
  expect(changed.body).toEqual(settings);
  expect((await alice.put(edit, { with_opts: '' })).body).toEqual({ ...settings, with_opts: [] });
  const reset = await alice.put(edit, { reset_fields: ['additional_modules', 'isolation', 'additional_repos'] });
  expect(reset.body).toEqual({
    ...settings,
    with_opts: [],
    additional_modules: [],
    isolation: 'unchanged',
    additional_repos: [],
  });
  await alice.ok('PUT', edit, { additional_packages: '', without_opts: '' });
  expect(bed.cluster.project(alice.name, name)?.project.spec.chrootSettings).toBeUndefined();
});

test('a comps.xml comes as a file, gives its name, and can be removed', async () => {
  const { name, edit } = await fresh();
  const file = { name: 'upload_comps', filename: 'my-comps.xml', type: 'application/text', content: COMPS };
  const sent = await alice.multipart('PUT', edit, { additional_packages: ['gcc'] }, file);
  expect(sent.body).toMatchObject({ comps_name: 'my-comps.xml', additional_packages: ['gcc'] });
  expect(bed.cluster.project(alice.name, name)?.project.spec.chrootSettings).toEqual([
    { name: F43, packages: ['gcc'], comps: { name: 'my-comps.xml', content: COMPS } },
  ]);
  expect((await alice.multipart('PUT', edit, { delete_comps: true })).body).toMatchObject({ comps_name: null });
  for (const [content, status] of [
    ['no xml', 400],
    [new Uint8Array([0xff, 0xfe, 0x3c]), 400],
    [`<comps>${' '.repeat(262_144)}</comps>`, 413],
  ] as const) {
    expect((await alice.multipart('PUT', edit, {}, { ...file, content })).status).toBe(status);
  }
});

test.each([
  ['a repository', { additional_repos: 'nonsense' }, /^repos: 'nonsense' is no repository/],
  ['a project that is not there', { additional_repos: 'copr://a/b' }, /^repos: .*does not exist/],
  ['a package', { additional_packages: '-rf' }, /^buildroot_pkgs: '-rf' is no package/],
  ['a module', { additional_modules: 'a:b:c' }, /^module_toggle: 'a:b:c' is no module/],
  ['a module that is given twice', { additional_modules: 'a:1, !a:2' }, /^module_toggle: the module a is given twice/],
  ['a bootstrap', { bootstrap: 'x' }, /^bootstrap: is not a valid choice for this field/],
  ['an image that is missing', { bootstrap: 'custom_image' }, /^bootstrap_image: is needed/],
  ['a field to reset', { reset_fields: ['nope'] }, /^Trying to reset an invalid attribute: nope\nThese can be reset: /],
])('is refused when wrong: %s', async (_what, form, message) => {
  const { edit } = await fresh();
  const answer = await alice.multipart('PUT', edit, form);
  expect(answer.body.error).toMatch(message);
  expect(answer.status).toBe(400);
});

test('an image alone implies that it is to be used', async () => {
  const { name, edit } = await fresh();
  await alice.ok('PUT', edit, { bootstrap_image: 'registry.test/fedora:43' });
  expect(bed.cluster.project(alice.name, name)?.project.spec.chrootSettings).toEqual([
    { name: F43, bootstrap: 'custom_image', bootstrapImage: 'registry.test/fedora:43' },
  ]);
});

test('what is not enabled, not there or not one’s own is refused', async () => {
  const { edit, query } = await fresh();
  for (const chroot of ['fedora-42-x86_64', OLD_CHROOT, 'nope-1-x86_64']) {
    const other = query.replace(F43, chroot);
    expect((await alice.get(`/project-chroot?${other}`)).status).toBe(404);
    expect((await alice.get(`/project-chroot/build-config?${other}`)).status).toBe(404);
    expect((await alice.put(edit.replace(F43, chroot), {})).status).toBe(404);
  }
  expect((await eve.put(edit, { with_opts: 'x' })).status).toBe(403);
  expect((await bed.anonymous.put(edit, { with_opts: 'x' })).status).toBe(401);
  expect((await alice.get('/project-chroot?ownername=x&projectname=y')).status).toBe(400);
});

test('the configuration for local builds has the repositories of project and chroot', async () => {
  const { name, edit, query } = await fresh({
    additional_repos: 'http://a.test/$chroot/?priority=4',
    enable_net: true,
  });
  await alice.ok('PUT', edit, { additional_repos: 'http://b.test/', additional_packages: 'gcc', with_opts: 'x' });
  const config = await bed.anonymous.ok('GET', `/project-chroot/build-config?${query}`);
  expect(config).toMatchObject({
    chroot: F43,
    enable_net: true,
    isolation: 'unchanged',
    bootstrap: 'default',
    additional_packages: ['gcc'],
    additional_modules: [],
    with_opts: ['x'],
    without_opts: [],
  });
  expect(config.repos).toMatchObject([
    { id: 'copr_base', baseurl: `${RESULTS_URL}/${alice.name}/${name}/${F43}/` },
    { baseurl: `http://a.test/${F43}/`, priority: 4 },
    { baseurl: 'http://b.test/' },
  ]);
});
