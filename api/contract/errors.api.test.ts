/** Every error that routes of builds, packages and dnf can give: status and sentence, always as {"error": …}. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProjectView } from '../cluster/index.ts';
import { OLD_CHROOT } from '../testing/bed.ts';
import type { BedClient } from '../testing/client.ts';
import { C42, C43, type Scene, SUBMITTED, startScene } from './testing/scene.ts';

let scene: Scene;
let main: ProjectView;
let persistent: ProjectView;
let dead: ProjectView;
let foreign: ProjectView;
/** Runs; ended; recorded; ended in a persistent project; pending in a project of somebody else. */
const ids = { running: 0, ended: 0, recorded: 0, kept: 0, theirs: 0 };

beforeAll(async () => {
  scene = await startScene();
  main = await scene.project('main', { packitForgeProjects: ['github.com/good/*'] });
  persistent = await scene.project('kept', { persistent: true });
  dead = await scene.project('dead', { chroots: [OLD_CHROOT] });
  foreign = await scene.project('theirs', { permissions: [] }, scene.admin.name);
  ids.running = await scene.submitted(main);
  ids.ended = await scene.submitted(main);
  ids.recorded = await scene.submitted(main);
  ids.kept = await scene.submitted(persistent);
  await scene.progress(ids.running, { running: true });
  await scene.progress(ids.ended);
  await scene.progress(ids.recorded);
  await scene.archive(ids.recorded);
  await scene.progress(ids.kept);
  const theirs = await scene.admin.ok('POST', '/build/create/url', { ...scene.names(foreign), pkgs: SUBMITTED });
  ids.theirs = (theirs.items as { id: number }[])[0]?.id ?? 0;
  await scene.owner.ok('POST', `${add('git')}/scm`, { clone_url: 'https://git.test/x.git' });
});
afterAll(() => scene?.stop());

type Who = 'owner' | 'stranger' | 'builder' | 'anonymous' | 'admin';
type Case = [
  what: string,
  who: Who,
  method: string,
  path: () => string,
  body: (() => unknown) | undefined,
  status: number,
  error: RegExp,
];

const q = (): string => scene.query(main);
const named = (): { ownername: string; projectname: string } => scene.names(main);
const url = (more: object) => (): unknown => ({ ...named(), pkgs: [SUBMITTED], ...more });
const scm = (more: object) => (): unknown => ({ ...named(), clone_url: 'https://git.test/x.git', ...more });
const pkg = (more: object) => (): unknown => ({ ...named(), package_name: 'git', ...more });
function add(name: string): string {
  return `/package/add/${main.owner}/main/${name}`;
}
const edit = (rest: string): string => `/package/edit/${main.owner}/main/${rest}`;
const coprs = (rest: string): string => `/coprs/${main.owner}/${rest}`;

// biome-ignore format: a table
const READING: Case[] = [
  ['a build that does not exist', 'anonymous', 'GET', () => '/build/999999999', undefined, 404, /^Build 999999999 does not exist\.$/],
  ['a number of a build that is none', 'anonymous', 'GET', () => '/build/abc', undefined, 404, /Build abc does not exist/],
  ['a number that is too large', 'anonymous', 'GET', () => '/build/99999999999999999999', undefined, 404, /does not exist/],
  ['number 0', 'anonymous', 'GET', () => '/build/0', undefined, 404, /Build 0 does not exist/],
  ['a negative number', 'anonymous', 'GET', () => '/build/-1', undefined, 404, /does not exist/],
  ['the source stage of no build', 'anonymous', 'GET', () => '/build/source-chroot/999999999', undefined, 404, /does not exist/],
  ['the source of no build', 'anonymous', 'GET', () => '/build/source-build-config/999999999', undefined, 404, /does not exist/],
  ['the packages of no build', 'anonymous', 'GET', () => '/build/built-packages/999999999', undefined, 404, /does not exist/],
  ['a list without an owner', 'anonymous', 'GET', () => '/build/list?projectname=main', undefined, 400, /Missing argument ownername/],
  ['a list without a project', 'anonymous', 'GET', () => `/build/list?ownername=${main.owner}`, undefined, 400, /Missing argument projectname/],
  ['a list of an unknown project', 'anonymous', 'GET', () => `/build/list?ownername=${main.owner}&projectname=none`, undefined, 404, /\/none does not exist/],
  ['a list of an unknown owner', 'anonymous', 'GET', () => '/build/list?ownername=nobody-here&projectname=main', undefined, 404, /nobody-here\/main does not exist/],
  ['a limit that is no number', 'anonymous', 'GET', () => `/build/list?${q()}&limit=x`, undefined, 400, /limit must be a whole number/],
  ['a limit below 0', 'anonymous', 'GET', () => `/build/list?${q()}&limit=-1`, undefined, 400, /limit must be a whole number/],
  ['an offset that is no number', 'anonymous', 'GET', () => `/build/list?${q()}&offset=1.5`, undefined, 400, /offset must be a whole number/],
  ['an order that is no column', 'anonymous', 'GET', () => `/build/list?${q()}&order=drop`, undefined, 400, /order must be one of id/],
  ['an order that is no direction', 'anonymous', 'GET', () => `/build/list?${q()}&order_type=UP`, undefined, 400, /order_type must be ASC or DESC/],
  ['a chroot without a build', 'anonymous', 'GET', () => `/build-chroot?chrootname=${C43}`, undefined, 400, /Missing argument build_id/],
  ['a chroot without a name', 'anonymous', 'GET', () => `/build-chroot?build_id=${ids.ended}`, undefined, 400, /Missing argument chrootname/],
  ['a chroot of no build', 'anonymous', 'GET', () => `/build-chroot?build_id=999999999&chrootname=${C43}`, undefined, 404, /Build 999999999 does not exist/],
  ['a chroot that a build does not have', 'anonymous', 'GET', () => `/build-chroot?build_id=${ids.ended}&chrootname=fedora-rawhide-x86_64`, undefined, 404, /is not built in chroot fedora-rawhide-x86_64/],
  ['a chroot that does not exist', 'anonymous', 'GET', () => `/build-chroot?build_id=${ids.ended}&chrootname=none-1-x86_64`, undefined, 404, /Chroot none-1-x86_64 does not exist/],
  ['an old path to a chroot that does not exist', 'anonymous', 'GET', () => `/build-chroot/${ids.ended}/none-1-x86_64`, undefined, 404, /Chroot none-1-x86_64 does not exist/],
  ['the configuration of no chroot', 'anonymous', 'GET', () => `/build-chroot/build-config?build_id=${ids.ended}&chrootname=none-1-x86_64`, undefined, 404, /does not exist/],
  ['the configuration without arguments', 'anonymous', 'GET', () => '/build-chroot/build-config', undefined, 400, /Missing argument build_id/],
  ['the packages of no chroot', 'anonymous', 'GET', () => `/build-chroot/built-packages?build_id=${ids.recorded}&chrootname=none-1-x86_64`, undefined, 404, /does not exist/],
  ['the chroots of nothing', 'anonymous', 'GET', () => '/build-chroot/list', undefined, 400, /Missing argument build_id/],
  ['a monitor without a project', 'anonymous', 'GET', () => `/monitor?ownername=${main.owner}`, undefined, 400, /Missing argument projectname/],
  ['a monitor of no project', 'anonymous', 'GET', () => `/monitor?ownername=${main.owner}&projectname=none`, undefined, 404, /does not exist/],
  ['a field that the monitor does not have', 'anonymous', 'GET', () => `/monitor?${q()}&additional_fields[]=url_nothing`, undefined, 400, /url_nothing is not a valid choice for this field/],
  ['a directory that cannot be', 'anonymous', 'GET', () => `/monitor?${q()}&project_dirname=main:bad`, undefined, 400, /project_dirname: "main:bad" must be main, main:custom:NAME/],
  ['a directory of another project', 'anonymous', 'GET', () => `/monitor?${q()}&project_dirname=other:pr:1`, undefined, 400, /no directory of project main/],
  ['no package', 'anonymous', 'GET', () => `/package?${q()}&packagename=none`, undefined, 404, /Package none does not exist in .*\/main/],
  ['a package without a name', 'anonymous', 'GET', () => `/package?${q()}`, undefined, 400, /Missing argument packagename/],
  ['a package of no project', 'anonymous', 'GET', () => `/package?ownername=${main.owner}&projectname=none&packagename=x`, undefined, 404, /\/none does not exist/],
  ['packages of no project', 'anonymous', 'GET', () => `/package/list?ownername=${main.owner}&projectname=none`, undefined, 404, /does not exist/],
  ['packages without an owner', 'anonymous', 'GET', () => '/package/list?projectname=main', undefined, 400, /Missing argument ownername/],
  ['packages in no order', 'anonymous', 'GET', () => `/package/list?${q()}&order=secret`, undefined, 400, /order must be one of id, name/],
  ['a .repo file of no project', 'anonymous', 'GET', () => coprs('none/repo/fedora-43/'), undefined, 404, /\/none does not exist/],
  ['a .repo file of no owner', 'anonymous', 'GET', () => '/coprs/nobody-here/p/repo/fedora-43/dnf.repo', undefined, 404, /does not exist/],
  ['a .repo file of no group', 'anonymous', 'GET', () => '/coprs/g/nobody-here/p/repo/fedora-43/dnf.repo', undefined, 404, /@nobody-here\/p does not exist/],
  ['a .repo file of no directory', 'anonymous', 'GET', () => coprs('main:pr:9/repo/fedora-43/dnf.repo'), undefined, 404, /has no directory main:pr:9/],
  ['rpmrepo of no project', 'anonymous', 'GET', () => `/rpmrepo/${main.owner}/none/fedora-43/`, undefined, 404, /\/none does not exist/],
  ['a path that does not exist', 'anonymous', 'GET', () => '/build/create', undefined, 404, /create/],
  ['the wrong method', 'anonymous', 'DELETE', () => `/build/${ids.ended}`, undefined, 405, /./],
  ['the wrong method of a form', 'owner', 'PUT', () => '/build/create/url', url({}), 405, /./],
];

const PARAMETERS = /^Bad request parameters: /;
// biome-ignore format: a table
const CREATING: Case[] = [
  ['no owner', 'owner', 'POST', () => '/build/create/url', () => ({ projectname: 'main', pkgs: SUBMITTED }), 400, /^Bad request parameters: \{'ownername': \['This field is required\.'\]\}$/],
  ['no project', 'owner', 'POST', () => '/build/create/url', () => ({ ownername: main.owner, pkgs: SUBMITTED }), 400, /'projectname': \['This field is required/],
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
  ['a project without active chroots', 'owner', 'POST', () => '/build/create/url', () => ({ ...scene.names(dead), pkgs: SUBMITTED }), 400, /has no active chroots/],
  ['a timeout that is no number', 'owner', 'POST', () => '/build/create/url', url({ timeout: 'soon' }), 400, /'timeout': \['must be a whole number from 0 to 108000/],
  ['a timeout that is too long', 'owner', 'POST', () => '/build/create/url', url({ timeout: 108001 }), 400, /'timeout': \['must be a whole number from 0 to 108000/],
  ['a timeout below 0', 'owner', 'POST', () => '/build/create/url', url({ timeout: -1 }), 400, /'timeout'/],
  ['an unknown bootstrap', 'owner', 'POST', () => '/build/create/url', url({ bootstrap: 'maybe' }), 400, /'bootstrap': \['is not a valid choice for this field/],
  ['an unknown isolation', 'owner', 'POST', () => '/build/create/url', url({ isolation: 'maybe' }), 400, /'isolation': \['is not a valid choice for this field/],
  ['two wrong fields', 'owner', 'POST', () => '/build/create/url', url({ isolation: 'maybe', timeout: 'x' }), 400, /'timeout': .*'isolation': |'isolation': .*'timeout': /],
  ['a directory that cannot be', 'owner', 'POST', () => '/build/create/url', url({ project_dirname: 'main:x' }), 400, /'project_dirname': \['"main:x" must be main, main:custom:NAME/],
  ['a directory of another project', 'owner', 'POST', () => '/build/create/url', url({ project_dirname: 'other:pr:1' }), 400, /no directory of project main/],
  ['a pull request without a number', 'owner', 'POST', () => '/build/create/url', url({ project_dirname: 'main:pr:x' }), 400, /what follows pr: ends in digits/],
  ['both kinds of batches', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: ids.running, after_build_id: ids.running }), 400, /'with_build_id': \['cannot be combined/],
  ['a batch of no build', 'owner', 'POST', () => '/build/create/url', url({ with_build_id: 999999999 }), 400, /'with_build_id': \['Build 999999999 does not exist/],
  ['waiting for no build', 'owner', 'POST', () => '/build/create/url', url({ after_build_id: 999999999 }), 400, /'after_build_id': \['Build 999999999 does not exist/],
  ['a number of a batch that is none', 'owner', 'POST', () => '/build/create/url', url({ after_build_id: 'x' }), 400, /'after_build_id'/],
  ['joining a batch that has ended', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: ids.ended }), 400, /has ended; it cannot be joined/],
  ['joining a batch that is recorded', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: ids.recorded }), 400, /has ended; it cannot be joined/],
  ['waiting for what has ended', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, after_build_id: ids.ended }), 400, /nothing to wait for/],
  ['joining builds of others', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, with_build_id: ids.theirs }), 403, /in a project in which you may not build/],
  ['making a batch of a build of others', 'owner', 'POST', () => '/build/create/url', () => ({ ...named(), pkgs: SUBMITTED, after_build_id: ids.theirs }), 403, /in a project in which you may not build/],
  ['a forge project that may not', 'owner', 'POST', () => '/build/create/url', url({ packit_forge_project: 'https://github.com/evil/x' }), 403, /github\.com\/evil\/x may not build/],
  ['checking an unknown project', 'owner', 'POST', () => '/build/check-before-build', () => ({ ...named(), projectname: 'none' }), 404, /\/none does not exist/],
  ['checking without a project', 'owner', 'POST', () => '/build/check-before-build', () => ({ ownername: main.owner }), 400, PARAMETERS],
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

// biome-ignore format: a table
const CHANGING: Case[] = [
  ['canceling no build', 'owner', 'PUT', () => '/build/cancel/999999999', undefined, 404, /does not exist/],
  ['canceling what has ended', 'owner', 'PUT', () => `/build/cancel/${ids.ended}`, undefined, 409, /has ended \(succeeded\); it cannot be canceled/],
  ['canceling what is recorded', 'owner', 'PUT', () => `/build/cancel/${ids.recorded}`, undefined, 409, /cannot be canceled/],
  ['canceling without rights', 'stranger', 'PUT', () => `/build/cancel/${ids.running}`, undefined, 403, /not allowed to build in/],
  ['deleting no build', 'owner', 'DELETE', () => '/build/delete/999999999', undefined, 404, /does not exist/],
  ['deleting what runs', 'owner', 'DELETE', () => `/build/delete/${ids.running}`, undefined, 409, /has not ended; cancel it/],
  ['deleting as a builder', 'builder', 'DELETE', () => `/build/delete/${ids.ended}`, undefined, 403, /not allowed to change/],
  ['deleting without rights', 'stranger', 'DELETE', () => `/build/delete/${ids.ended}`, undefined, 403, /not allowed to change/],
  ['deleting what is recorded without rights', 'stranger', 'DELETE', () => `/build/delete/${ids.recorded}`, undefined, 403, /not allowed to change/],
  ['deleting in a persistent project', 'owner', 'DELETE', () => `/build/delete/${ids.kept}`, undefined, 403, /is persistent; its builds cannot be deleted/],
  ['deleting in a persistent project as administrator', 'admin', 'DELETE', () => `/build/delete/${ids.kept}`, undefined, 403, /is persistent/],
  ['deleting no builds', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [] }), 400, /builds: name at least one build/],
  ['deleting without a list', 'owner', 'DELETE', () => '/build/delete/list', () => ({}), 400, /builds: This field is required/],
  ['deleting what is no number', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: ['x'] }), 400, /builds: must be a list of numbers/],
  ['deleting a list with one that runs', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [ids.ended, ids.running] }), 400, /^These builds are still running: \d+$/],
  ['deleting a list with some that do not exist', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [ids.ended, 999999998, 999999999] }), 400, /^These builds do not exist: 999999998, 999999999$/],
  ['deleting a list of others', 'stranger', 'DELETE', () => '/build/delete/list', () => ({ builds: [ids.ended, ids.recorded] }), 400, /^You are not allowed to delete builds \d+, \d+$/],
  ['deleting a list with one of a persistent project', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [ids.kept] }), 400, /persistent projects/],
  ['deleting a list with all obstacles', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [ids.theirs, ids.kept, ids.running, 999999999] }), 400, /^You are not allowed.*\n.*persistent.*\n.*still running.*\n.*do not exist.*$/],
  ['adding to no project', 'owner', 'POST', () => `/package/add/${main.owner}/none/x/scm`, () => ({}), 404, /\/none does not exist/],
  ['adding as a builder', 'builder', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x' }), 403, /not allowed to change/],
  ['adding without rights', 'stranger', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x' }), 403, /not allowed to change/],
  ['adding one that is there', 'owner', 'POST', () => `${add('git')}/scm`, () => ({ clone_url: 'https://git.test/x' }), 409, /Package git already exists/],
  ['adding one that is known through builds', 'owner', 'POST', () => `${add('hello')}/scm`, () => ({ clone_url: 'https://git.test/x' }), 409, /Package hello already exists/],
  ['adding without an address', 'owner', 'POST', () => `${add('x')}/scm`, () => ({}), 400, /^clone_url: This field is required\.$/],
  ['adding with a wrong address', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'nonsense' }), 400, /^clone_url: must be the clone URL/],
  ['adding from Subversion', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x', scm_type: 'svn' }), 400, /^scm_type: svn is not built by this kopr yet/],
  ['adding with tito', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x', source_build_method: 'tito' }), 400, /^source_build_method: tito is not built/],
  ['adding a gem', 'owner', 'POST', () => `${add('x')}/rubygems`, () => ({ gem_name: 'x' }), 400, /type rubygems are not built by this kopr yet/],
  ['adding from PyPI', 'owner', 'POST', () => `${add('x')}/pypi`, () => ({ pypi_package_name: 'x' }), 400, /type pypi are not built by this kopr yet/],
  ['adding a script', 'owner', 'POST', () => `${add('x')}/custom`, () => ({ script: 'x' }), 400, /type custom are not built by this kopr yet/],
  ['adding from another dist-git', 'owner', 'POST', () => `${add('x')}/distgit`, () => ({}), 400, /type distgit are not built by this kopr yet/],
  ['adding with no such type', 'owner', 'POST', () => `${add('x')}/magic`, () => ({}), 400, /"magic" is not a valid choice for this field/],
  ['adding with two names', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ package_name: 'y', clone_url: 'https://git.test/x' }), 400, /package_name: is "y", but the path says "x"/],
  ['adding with a name that cannot be', 'owner', 'POST', () => `${add('a%20b')}/scm`, () => ({ clone_url: 'https://git.test/x' }), 400, /must be the name of a package/],
  ['adding with a long name', 'owner', 'POST', () => `${add('a'.repeat(101))}/scm`, () => ({ clone_url: 'https://git.test/x' }), 400, /must not be longer than 100/],
  ['adding with too many builds', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x', max_builds: 101 }), 400, /^max_builds: must be a whole number from 0 to 100/],
  ['adding with a wrong timeout', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x', timeout: 200000 }), 400, /^timeout: must be a whole number from 0 to 108000/],
  ['adding with a denylist of nothing', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x', chroot_denylist: 'none-*' }), 400, /^chroot_denylist: "none-\*" matches no active chroot/],
  ['adding with a denylist of everything', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x', chroot_denylist: 'fedora-*' }), 400, /^chroot_denylist: matches every active chroot/],
  ['adding with a denylist that is none', 'owner', 'POST', () => `${add('x')}/scm`, () => ({ clone_url: 'https://git.test/x', chroot_denylist: 'Fedora' }), 400, /small letters/],
  ['editing no package', 'owner', 'POST', () => edit('none/scm'), () => ({}), 404, /Package none does not exist/],
  ['editing without rights', 'stranger', 'POST', () => edit('git/scm'), () => ({}), 403, /not allowed to change/],
  ['editing with the type None', 'owner', 'POST', () => edit('git/None'), () => ({}), 400, /"None" is not a valid choice for this field/],
  ['editing into a gem', 'owner', 'POST', () => edit('git/rubygems'), () => ({}), 400, /not built by this kopr yet/],
  ['editing the commit of what has no source', 'owner', 'POST', () => edit('hello'), () => ({ committish: 'main' }), 400, /^clone_url: This field is required/],
  ['editing to a wrong spec file', 'owner', 'POST', () => edit('git'), () => ({ spec: '../x.spec' }), 400, /^spec: /],
  ['resetting no package', 'owner', 'PUT', () => '/package/reset', pkg({ package_name: 'none' }), 404, /Package none does not exist/],
  ['resetting in no project', 'owner', 'PUT', () => '/package/reset', pkg({ projectname: 'none' }), 404, /\/none does not exist/],
  ['resetting without a name', 'owner', 'PUT', () => '/package/reset', named, 400, /^package_name: This field is required\.$/],
  ['resetting without a project', 'owner', 'PUT', () => '/package/reset', () => ({ ownername: main.owner, package_name: 'git' }), 400, /^projectname: This field is required\.$/],
  ['resetting as a builder', 'builder', 'PUT', () => '/package/reset', pkg({}), 403, /not allowed to change/],
  ['deleting no package', 'owner', 'DELETE', () => '/package/delete', pkg({ package_name: 'none' }), 404, /Package none does not exist/],
  ['deleting a package as a builder', 'builder', 'DELETE', () => '/package/delete', pkg({}), 403, /not allowed to change/],
  ['deleting a package whose builds run', 'owner', 'DELETE', () => '/package/delete', pkg({ package_name: 'hello' }), 400, /has builds that have not ended: \d+/],
  ['deleting a package of a persistent project', 'owner', 'DELETE', () => '/package/delete', () => ({ ...scene.names(persistent), package_name: 'hello' }), 403, /is persistent/],
  ['building no package', 'owner', 'POST', () => '/package/build', pkg({ package_name: 'none' }), 404, /Package none does not exist/],
  ['building without rights', 'stranger', 'POST', () => '/package/build', pkg({}), 403, /not allowed to build in/],
  ['building what has no source of its own', 'owner', 'POST', () => '/package/build', pkg({ package_name: 'hello' }), 400, /Package hello has no source to build from \(link\)/],
  ['building in no such chroot', 'owner', 'POST', () => '/package/build', pkg({ chroots: ['none'] }), 400, /^Bad request parameters: .*is not a valid choice/],
  ['building into a wrong directory', 'owner', 'POST', () => '/package/build', pkg({ project_dirname: 'main:x' }), 400, /'project_dirname'/],
  ['building without a name', 'owner', 'POST', () => '/package/build', named, 400, /^Bad request parameters: \{'package_name'/],
];

async function check([, who, method, path, body, status, error]: Case): Promise<void> {
  const client: BedClient = scene[who];
  const answer = await client.call(method, path(), body?.());
  expect({ status: answer.status, error: answer.body.error }).toEqual({ status, error: expect.stringMatching(error) });
  expect(Object.keys(answer.body)).toEqual(['error']);
  expect(answer.headers.get('content-type')).toBe('application/json');
}

describe('reading', () => {
  it.each(READING)('%s', (...row) => check(row));
});
describe('submitting', () => {
  it.each(CREATING)('%s', (...row) => check(row));

  it('leaves nothing behind when it was refused', async () => {
    const { body } = await scene.anonymous.get(`/build/list?${q()}`);
    expect((body.items as { id: number }[]).map(({ id }) => id)).toEqual([ids.recorded, ids.ended, ids.running]);
    expect((await scene.anonymous.get(`/package/list?${q()}`)).body.items).toHaveLength(2);
  });
});
describe('changing', () => {
  it.each(CHANGING)('%s', (...row) => check(row));
});

describe('without a token', () => {
  const MUTATING: [string, () => string][] = [
    ['POST', () => '/build/create/url'],
    ['POST', () => '/build/create/scm'],
    ['POST', () => '/build/create/upload'],
    ['POST', () => '/build/check-before-build'],
    ['PUT', () => `/build/cancel/${ids.running}`],
    ['DELETE', () => `/build/delete/${ids.ended}`],
    ['DELETE', () => '/build/delete/list'],
    ['POST', () => `${add('x')}/scm`],
    ['POST', () => edit('git/scm')],
    ['PUT', () => '/package/reset'],
    ['DELETE', () => '/package/delete'],
    ['POST', () => '/package/build'],
  ];
  it.each(MUTATING)('%s is 401', async (method, path) => {
    const answer = await scene.anonymous.call(method, path(), { ...named(), package_name: 'git' });
    expect(answer).toMatchObject({ status: 401, body: { output: 'notok', error: expect.stringContaining('/api') } });
  });
});

describe('a chroot that a project does not have', () => {
  it('is told to dnf4 with those that it has', async () => {
    const answer = await scene.anonymous.get(coprs('main/repo/epel-9/dnf.repo?arch=x86_64'));
    expect(answer).toMatchObject({ status: 404, body: { error: expect.stringContaining('has no chroot epel-9') } });
    const data = Buffer.from(answer.headers.get('copr-error-data') ?? '', 'base64').toString();
    expect(JSON.parse(data)).toEqual({ 'available chroots': [C42, C43] });
  });
});
