/** Every error that submitting builds can give. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Case, check, cleanUp, named, prepare, q, scm, url, world } from './testing/refusals.ts';
import { SUBMITTED } from './testing/scene.ts';

beforeAll(prepare);
afterAll(cleanUp);

const PARAMETERS = /^Bad request parameters: /;
// biome-ignore format: a table
const CREATING: Case[] = [
  ['no owner', 'owner', 'POST', () => '/build/create/url', () => ({ projectname: 'main', pkgs: SUBMITTED }), 400, /^Bad request parameters: \{'ownername': \['This field is required\.'\]\}$/],
  ['no project', 'owner', 'POST', () => '/build/create/url', () => ({ ownername: world.main.owner, pkgs: SUBMITTED }), 400, /'projectname': \['This field is required/],
  ['an unknown project', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), projectname: 'none', pkgs: SUBMITTED }), 404, /\/none does not exist/],
  ['an unknown project with a wrong form', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), projectname: 'none', timeout: 'x' }), 404, /\/none does not exist/],
  ['a wrong form of somebody without rights', 'stranger', 'POST', () => '/build/create/url', url({ timeout: 'x' }), 400, PARAMETERS],
  ['no rights', 'stranger', 'POST', () => '/build/create/url', url({}), 403, /not allowed to build in/],
  ['no rights to upload', 'stranger', 'POST', () => '/build/create/scm', scm({}), 403, /not allowed to build in/],
  ['no rights to ask', 'stranger', 'POST', () => '/build/check-before-build', named, 403, /not allowed to build in/],
  ['no URLs', 'owner', 'POST', () => '/build/create/url', named, 400, /'pkgs': \['This field is required/],
  ['an empty list of URLs', 'owner', 'POST', () => '/build/create/url', url({ pkgs: [] }), 400, /'pkgs': \['names no URL/],
  ['a URL of a web page', 'owner', 'POST', () => '/build/create/url', url({ pkgs: ['http://x.test/page.html'] }), 400, /'pkgs': \['http:\/\/x\.test\/page\.html must name an SRPM or a spec file/],
  ['a URL of a binary package', 'owner', 'POST', () => '/build/create/url', url({ pkgs: ['http://x.test/a-1-1.x86_64.rpm'] }), 400, /must name an SRPM/],
  ['a path in place of a URL', 'owner', 'POST', () => '/build/create/url', url({ pkgs: ['/etc/a.src.rpm'] }), 400, /must be an address that starts with http/],
  ['a file URL', 'owner', 'POST', () => '/build/create/url', url({ pkgs: ['file:///etc/a.src.rpm'] }), 400, /must be an address that starts with http/],
  ['a URL with a password', 'owner', 'POST', () => '/build/create/url', url({ pkgs: ['https://me:secret@x.test/a.src.rpm'] }), 400, /\/\/…@x\.test\/a\.src\.rpm must not hold a user name or password/],
  ['one bad URL among good ones', 'owner', 'POST', () => '/build/create/url', url({ pkgs: [SUBMITTED, 'http://x.test/bad'] }), 400, /http:\/\/x\.test\/bad must name/],
  ['an unknown chroot', 'owner', 'POST', () => '/build/create/url', url({ chroots: ['none-1-x86_64'] }), 400, /^Bad request parameters: \{'chroots': \['"none-1-x86_64" is not a valid choice for this field/],
  ['a pattern that matches nothing', 'owner', 'POST', () => '/build/create/url', url({ chroots: ['none-*'] }), 400, /"none-\*" is not a valid choice for this field/],
  ['a chroot that the project does not have', 'owner', 'POST', () => '/build/create/url', url({ chroots: ['fedora-rawhide-x86_64'] }), 400, /is not a valid choice for this field/],
  ['an unknown chroot to leave out', 'owner', 'POST', () => '/build/create/url', url({ exclude_chroots: ['none-*'] }), 400, /'exclude_chroots': \['"none-\*" is not a valid choice/],
  ['nothing left to build in', 'owner', 'POST', () => '/build/create/url', url({ exclude_chroots: ['*'] }), 400, /leaves no chroot to build in/],
  ['chroots that are no list of text', 'owner', 'POST', () => '/build/create/url', url({ chroots: [{}] }), 400, /'chroots': \['must be a list of text/],
  ['a project without active chroots', 'owner', 'POST', () => '/build/create/url', () => ({ ...world.scene.names(world.dead), pkgs: SUBMITTED }), 400, /has no active chroots/],
  ['a timeout that is no number', 'owner', 'POST', () => '/build/create/url', url({ timeout: 'soon' }), 400, /'timeout': \['must be a whole number from 0 to 108000/],
  ['a timeout that is too long', 'owner', 'POST', () => '/build/create/url', url({ timeout: 108001 }), 400, /'timeout': \['must be a whole number from 0 to 108000/],
  ['a timeout below 0', 'owner', 'POST', () => '/build/create/url', url({ timeout: -1 }), 400, /'timeout'/],
  ['an unknown bootstrap', 'owner', 'POST', () => '/build/create/url', url({ bootstrap: 'maybe' }), 400, /'bootstrap': \['is not a valid choice for this field/],
  ['an unknown isolation', 'owner', 'POST', () => '/build/create/url', url({ isolation: 'maybe' }), 400, /'isolation': \['is not a valid choice for this field/],
  ['two wrong fields', 'owner', 'POST', () => '/build/create/url', url({ isolation: 'maybe', timeout: 'x' }), 400, /'timeout': .*'isolation': |'isolation': .*'timeout': /],
  ['a directory that cannot be', 'owner', 'POST', () => '/build/create/url', url({ project_dirname: 'main:x' }), 400, /'project_dirname': \['"main:x" must be main, main:custom:NAME/],
  ['a directory of another project', 'owner', 'POST', () => '/build/create/url', url({ project_dirname: 'other:pr:1' }), 400, /no directory of project main/],
  ['a pull request without a number', 'owner', 'POST', () => '/build/create/url', url({ project_dirname: 'main:pr:x' }), 400, /what follows pr: ends in digits/],
  ['both kinds of batches', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: world.ids.running, after_build_id: world.ids.running }), 400, /'with_build_id': \['cannot be combined/],
  ['a batch of no build', 'owner', 'POST', () => '/build/create/url', url({ with_build_id: 999999999 }), 400, /'with_build_id': \['Build 999999999 does not exist/],
  ['waiting for no build', 'owner', 'POST', () => '/build/create/url', url({ after_build_id: 999999999 }), 400, /'after_build_id': \['Build 999999999 does not exist/],
  ['a number of a batch that is none', 'owner', 'POST', () => '/build/create/url', url({ after_build_id: 'x' }), 400, /'after_build_id'/],
  ['joining a batch that has ended', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: world.ids.ended }), 400, /has ended; it cannot be joined/],
  ['joining a batch that is recorded', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: world.ids.recorded }), 400, /has ended; it cannot be joined/],
  ['waiting for what has ended', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, after_build_id: world.ids.ended }), 400, /nothing to wait for/],
  ['joining builds of others', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: world.ids.theirs }), 403, /in a project in which you may not build/],
  ['making a batch of a build of others', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, after_build_id: world.ids.theirs }), 403, /in a project in which you may not build/],
  ['a forge project that may not', 'owner', 'POST', () => '/build/create/url', url({ packit_forge_project: 'https://github.com/evil/x' }), 403, /github\.com\/evil\/x may not build/],
  ['checking an unknown project', 'owner', 'POST', () => '/build/check-before-build', () => ({ ...named(), projectname: 'none' }), 404, /\/none does not exist/],
  ['checking without a project', 'owner', 'POST', () => '/build/check-before-build', () => ({ ownername: world.main.owner }), 400, PARAMETERS],
  ['checking a wrong directory', 'owner', 'POST', () => '/build/check-before-build', () => ({ ...named(), project_dirname: 'main:x' }), 400, /'project_dirname'/],
  ['checking a wrong chroot', 'owner', 'POST', () => '/build/check-before-build', () => ({ ...named(), chroots: ['none'] }), 400, /is not a valid choice for this field/],
  ['a repository without an address', 'owner', 'POST', () => '/build/create/scm', named, 400, /'clone_url': \['This field is required/],
  ['a repository of another kind', 'owner', 'POST', () => '/build/create/scm', scm({ clone_url: 'ssh://git.test/x' }), 400, /'clone_url': \['must be the clone URL of a Git repository/],
  ['a repository with a password', 'owner', 'POST', () => '/build/create/scm', scm({ clone_url: 'https://me:secret@git.test/x' }), 400, /'clone_url': \['must not hold a user name or password/],
  ['Subversion', 'owner', 'POST', () => '/build/create/scm', scm({ scm_type: 'svn' }), 400, /'scm_type': \['svn is not built by this kopr yet/],
  ['an unknown kind of repository', 'owner', 'POST', () => '/build/create/scm', scm({ scm_type: 'cvs' }), 400, /is not a valid choice for this field/],
  ['tito', 'owner', 'POST', () => '/build/create/scm', scm({ source_build_method: 'tito' }), 400, /tito is not built by this kopr yet/],
  ['tito_test', 'owner', 'POST', () => '/build/create/scm', scm({ source_build_method: 'tito_test' }), 400, /tito_test is not built by this kopr yet/],
  ['make_srpm', 'owner', 'POST', () => '/build/create/scm', scm({ srpm_build_method: 'make_srpm' }), 400, /make_srpm is not built by this kopr yet/],
  ['a commit that is an option', 'owner', 'POST', () => '/build/create/scm', scm({ committish: '--upload-pack=x' }), 400, /'committish': \['must be a branch, a tag/],
  ['a directory above the repository', 'owner', 'POST', () => '/build/create/scm', scm({ subdirectory: '../x' }), 400, /'subdirectory': \['must stay inside the repository/],
  ['a spec file in a directory', 'owner', 'POST', () => '/build/create/scm', scm({ spec: 'a/b.spec' }), 400, /'spec': \['must be the name of a file that ends in \.spec/],
  ['a spec file of another name', 'owner', 'POST', () => '/build/create/scm', scm({ spec: 'x.txt' }), 400, /'spec'/],
  ['an upload without a file', 'owner', 'POST', () => '/build/create/upload', named, 400, /pkgs/],
  ['a body that is no JSON object', 'owner', 'POST', () => '/build/create/url', () => [1, 2], 400, /./],
  ['a way that is not there: pypi', 'owner', 'POST', () => '/build/create/pypi', named, 404, /./],
  ['a way that is not there: rubygems', 'owner', 'POST', () => '/build/create/rubygems', named, 404, /./],
  ['a way that is not there: custom', 'owner', 'POST', () => '/build/create/custom', named, 404, /./],
  ['a way that is not there: distgit', 'owner', 'POST', () => '/build/create/distgit', named, 404, /./],
  ['a way that is not there: rpm-upload', 'owner', 'POST', () => '/build/create/rpm-upload', named, 404, /./],
];

describe('submitting', () => {
  it.each(CREATING)('%s', (...row) => check(row));

  it('leaves nothing behind when it was refused', async () => {
    const { body } = await world.scene.anonymous.get(`/build/list?${q()}`);
    expect((body.items as { id: number }[]).map(({ id }) => id)).toEqual([
      world.ids.recorded,
      world.ids.ended,
      world.ids.running,
    ]);
    expect((await world.scene.anonymous.get(`/package/list?${q()}`)).body.items).toHaveLength(2);
  });
});
