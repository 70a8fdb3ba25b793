import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bed } from '../testing/bed.ts';
import { startBed } from '../testing/bed.ts';
import type { BedClient } from '../testing/client.ts';
import { permissionRoutes } from './permissions.ts';
import { projectRoutes } from './projects.ts';

let bed: Bed;
let alice: BedClient;
let bob: BedClient;
let eve: BedClient;

beforeAll(async () => {
  bed = await startBed({ routes: [...projectRoutes, ...permissionRoutes] });
  [alice, bob, eve] = [await bed.user('alice'), await bed.user('bob'), await bed.user('eve')];
});
afterAll(() => bed?.stop());

let serial = 0;
/** A path that ends in the owner and the name of a project that nobody has a role in. */
async function fresh(): Promise<(action: string) => string> {
  serial += 1;
  const name = `p${serial}`;
  await alice.ok('POST', `/project/add/${alice.name}`, { name, chroots: ['fedora-43-x86_64'] });
  return (action) => `/project/permissions/${action}/${alice.name}/${name}`;
}

test('a role is asked for, seen, approved, used and given up', async () => {
  const path = await fresh();
  const none = await alice.get(path('get'));
  expect([none.status, none.body.error]).toEqual([404, expect.stringContaining('No permissions')]);
  expect((await bob.put(path('request'), { admin: true, builder: true })).body).toEqual({ updated: true });
  expect((await bob.put(path('request'), { admin: true })).body).toEqual({ updated: false });
  expect((await alice.get(path('get'))).body).toEqual({
    permissions: { [bob.name]: { admin: 'request', builder: 'request' } },
  });
  const edit = path('edit').replace('/permissions', '');
  expect((await bob.put(edit, { description: 'x' })).status).toBe(403);
  expect((await alice.put(path('set'), { [bob.name]: { admin: 'approved' } })).body).toEqual({ updated: [bob.name] });
  expect((await alice.put(path('set'), { [bob.name]: { admin: 'approved' } })).body).toEqual({ updated: [] });
  expect((await bob.put(edit, { description: 'x' })).status).toBe(200);
  expect((await bob.put(edit.replace('/edit/', '/delete/'))).status).toBe(405);
  expect((await bob.delete(edit.replace('/edit/', '/delete/'))).status).toBe(403);
  const again = await bob.put(path('request'), { admin: true });
  expect([again.status, again.body.error]).toEqual([400, expect.stringContaining('already')]);
  expect((await bob.put(path('request'), { admin: false, builder: false })).body).toEqual({ updated: true });
  expect((await alice.get(path('get'))).status).toBe(404);
});

test.each([
  ['a user that nobody is', () => ({ 'nobody-at-all': { admin: 'approved' } }), /nobody-at-all does not exist/],
  ['a role that there is not', () => ({ [bob.name]: { king: 'approved' } }), /no role king/],
  [
    'a state that there is not',
    () => ({ [bob.name]: { admin: 'maybe' } }),
    /must be one of nothing, request, approved/,
  ],
  ['the owner', () => ({ [alice.name]: { admin: 'approved' } }), /owns the project/],
  ['nothing', () => ({}), /No permissions were given/],
  ['roles that are no object', () => ({ [bob.name]: 'admin' }), /must be an object/],
])('nothing is set when something is wrong: %s', async (_what, wrong, message) => {
  const path = await fresh();
  const answer = await alice.put(path('set'), { [eve.name]: { builder: 'approved' }, ...wrong() });
  const body = Object.keys(wrong()).length === 0 ? await alice.put(path('set'), {}) : answer;
  expect(body.status).toBe(400);
  expect(body.body.error).toMatch(message);
  if (Object.keys(wrong()).length > 0) expect((await alice.get(path('get'))).status).toBe(404);
});

test('permissions are for editors, requests for everybody but the owner', async () => {
  const path = await fresh();
  expect((await eve.get(path('get'))).status).toBe(403);
  expect((await bed.anonymous.get(path('get'))).status).toBe(401);
  expect((await eve.put(path('set'), { [eve.name]: { admin: 'approved' } })).status).toBe(403);
  expect((await alice.put(path('request'), { builder: true })).status).toBe(400);
  expect((await bob.put(path('request').replace(/p\d+$/, 'missing'), { builder: true })).status).toBe(404);
  const post = await alice.post(path('set'), { [bob.name]: { builder: 'request' } });
  expect([post.status, post.headers.get('warning')]).toEqual([200, null]);
});

test('who can build is told to anybody', async () => {
  const path = await fresh();
  const ask = async (who: string) => (await bed.anonymous.get(path(`can_build_in/${who}`))).body;
  const [ownername, projectname] = path('x').split('/').slice(-2);
  expect(await ask(bob.name)).toEqual({ who: bob.name, ownername, projectname, can_build_in: false });
  await alice.ok('PUT', path('set'), { [bob.name]: { builder: 'approved' } });
  expect((await ask(bob.name)).can_build_in).toBe(true);
  expect((await ask(alice.name)).can_build_in).toBe(true);
  expect((await bed.anonymous.get(path('can_build_in/nobody-at-all'))).status).toBe(404);
  const group = await bed.group('team');
  const carol = await bed.user('carol', { groups: [group] });
  await carol.ok('POST', `/project/add/@${group}`, { name: 'g', chroots: ['fedora-43-x86_64'] });
  const shared = await bed.anonymous.get(`/project/permissions/can_build_in/${carol.name}/@${group}/g`);
  expect(shared.body).toEqual({ who: carol.name, ownername: `@${group}`, projectname: 'g', can_build_in: true });
});

test('many requests at once are all there', async () => {
  const path = await fresh();
  const users = await Promise.all(Array.from({ length: 12 }, () => bed.user('many')));
  const answers = await Promise.all(users.map((user) => user.put(path('request'), { builder: true })));
  expect(answers.map(({ text }) => text)).toEqual(users.map(() => '{"updated":true}'));
  const { permissions } = (await alice.get(path('get'))).body as { permissions: object };
  expect(Object.keys(permissions).sort()).toEqual(users.map(({ name }) => name).sort());
});
