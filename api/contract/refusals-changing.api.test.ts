/** Every error that canceling and deleting builds and changing packages can give. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { add, type Case, check, cleanUp, edit, named, pkg, prepare, world } from './testing/refusals.ts';

beforeAll(prepare);
afterAll(cleanUp);

// biome-ignore format: a table
const CHANGING: Case[] = [
  ['canceling no build', 'owner', 'PUT', () => '/build/cancel/999999999', undefined, 404, /does not exist/],
  ['canceling what has ended', 'owner', 'PUT', () => `/build/cancel/${world.ids.ended}`, undefined, 409, /has ended \(succeeded\); it cannot be canceled/],
  ['canceling what is recorded', 'owner', 'PUT', () => `/build/cancel/${world.ids.recorded}`, undefined, 409, /cannot be canceled/],
  ['canceling without rights', 'stranger', 'PUT', () => `/build/cancel/${world.ids.running}`, undefined, 403, /not allowed to build in/],
  ['deleting no build', 'owner', 'DELETE', () => '/build/delete/999999999', undefined, 404, /does not exist/],
  ['deleting what runs', 'owner', 'DELETE', () => `/build/delete/${world.ids.running}`, undefined, 409, /has not ended; cancel it/],
  ['deleting as a builder', 'builder', 'DELETE', () => `/build/delete/${world.ids.ended}`, undefined, 403, /not allowed to change/],
  ['deleting without rights', 'stranger', 'DELETE', () => `/build/delete/${world.ids.ended}`, undefined, 403, /not allowed to change/],
  ['deleting what is recorded without rights', 'stranger', 'DELETE', () => `/build/delete/${world.ids.recorded}`, undefined, 403, /not allowed to change/],
  ['deleting in a persistent project', 'owner', 'DELETE', () => `/build/delete/${world.ids.kept}`, undefined, 403, /is persistent; its builds cannot be deleted/],
  ['deleting in a persistent project as administrator', 'admin', 'DELETE', () => `/build/delete/${world.ids.kept}`, undefined, 403, /is persistent/],
  ['deleting no builds', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [] }), 400, /builds: name at least one build/],
  ['deleting without a list', 'owner', 'DELETE', () => '/build/delete/list', () => ({}), 400, /builds: This field is required/],
  ['deleting what is no number', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: ['x'] }), 400, /builds: must be a list of numbers/],
  ['deleting a list with one that runs', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [world.ids.ended, world.ids.running] }), 400, /^These builds are still running: \d+$/],
  ['deleting a list with some that do not exist', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [world.ids.ended, 999999998, 999999999] }), 400, /^These builds do not exist: 999999998, 999999999$/],
  ['deleting a list of others', 'stranger', 'DELETE', () => '/build/delete/list', () => ({ builds: [world.ids.ended, world.ids.recorded] }), 400, /^You are not allowed to delete builds \d+, \d+$/],
  ['deleting a list with one of a persistent project', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [world.ids.kept] }), 400, /persistent projects/],
  ['deleting a list with all obstacles', 'owner', 'DELETE', () => '/build/delete/list', () => ({ builds: [world.ids.theirs, world.ids.kept, world.ids.running, 999999999] }), 400, /^You are not allowed.*\n.*persistent.*\n.*still running.*\n.*do not exist.*$/],
  ['adding to no project', 'owner', 'POST', () => `/package/add/${world.main.owner}/none/x/scm`, () => ({}), 404, /\/none does not exist/],
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
  ['resetting without a project', 'owner', 'PUT', () => '/package/reset', () => ({ ownername: world.main.owner, package_name: 'git' }), 400, /^projectname: This field is required\.$/],
  ['resetting as a builder', 'builder', 'PUT', () => '/package/reset', pkg({}), 403, /not allowed to change/],
  ['deleting no package', 'owner', 'DELETE', () => '/package/delete', pkg({ package_name: 'none' }), 404, /Package none does not exist/],
  ['deleting a package as a builder', 'builder', 'DELETE', () => '/package/delete', pkg({}), 403, /not allowed to change/],
  ['deleting a package whose builds run', 'owner', 'DELETE', () => '/package/delete', pkg({ package_name: 'hello' }), 400, /has builds that have not ended: \d+/],
  ['deleting a package of a persistent project', 'owner', 'DELETE', () => '/package/delete', () => ({ ...world.scene.names(world.persistent), package_name: 'hello' }), 403, /is persistent/],
  ['building no package', 'owner', 'POST', () => '/package/build', pkg({ package_name: 'none' }), 404, /Package none does not exist/],
  ['building without rights', 'stranger', 'POST', () => '/package/build', pkg({}), 403, /not allowed to build in/],
  ['building what has no source of its own', 'owner', 'POST', () => '/package/build', pkg({ package_name: 'hello' }), 400, /Package hello has no source to build from \(link\)/],
  ['building in no such chroot', 'owner', 'POST', () => '/package/build', pkg({ chroots: ['none'] }), 400, /^Bad request parameters: .*is not a valid choice/],
  ['building into a wrong directory', 'owner', 'POST', () => '/package/build', pkg({ project_dirname: 'main:x' }), 400, /'project_dirname'/],
  ['building without a name', 'owner', 'POST', () => '/package/build', named, 400, /^Bad request parameters: \{'package_name'/],
];

describe('changing', () => {
  it.each(CHANGING)('%s', (...row) => check(row));
});

describe('without a token', () => {
  const MUTATING: [string, () => string][] = [
    ['POST', () => '/build/create/url'],
    ['POST', () => '/build/create/scm'],
    ['POST', () => '/build/create/upload'],
    ['POST', () => '/build/check-before-build'],
    ['PUT', () => `/build/cancel/${world.ids.running}`],
    ['DELETE', () => `/build/delete/${world.ids.ended}`],
    ['DELETE', () => '/build/delete/list'],
    ['POST', () => `${add('x')}/scm`],
    ['POST', () => edit('git/scm')],
    ['PUT', () => '/package/reset'],
    ['DELETE', () => '/package/delete'],
    ['POST', () => '/package/build'],
  ];
  it.each(MUTATING)('%s is 401', async (method, path) => {
    const answer = await world.scene.anonymous.call(method, path(), { ...named(), package_name: 'git' });
    expect(answer).toMatchObject({ status: 401, body: { output: 'notok', error: expect.stringContaining('/api') } });
  });
});
