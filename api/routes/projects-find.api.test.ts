import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Projects } from '../../crds/project.ts';
import { eventually } from '../../operator/testing/harness.ts';
import type { Bed } from '../testing/bed.ts';
import { OLD_CHROOT, startBed } from '../testing/bed.ts';
import type { BedClient } from '../testing/client.ts';
import { generalRoutes } from './general.ts';
import { mockChrootRoutes } from './mock-chroots.ts';
import { projectRoutes } from './projects.ts';

const F43 = 'fedora-43-x86_64';

let bed: Bed;
let alice: BedClient;

beforeAll(async () => {
  bed = await startBed({ routes: [...generalRoutes, ...projectRoutes, ...mockChrootRoutes] });
  alice = await bed.user('alice');
});
afterAll(() => bed?.stop());

let serial = 0;
async function fresh(more: object = {}, owner = alice): Promise<string> {
  serial += 1;
  const name = `p${serial}`;
  await owner.ok('POST', `/project/add/${owner.name}`, { name, chroots: [F43], ...more });
  return name;
}

describe('general', () => {
  test('says its version, who one is, and which chroots there are', async () => {
    expect((await bed.anonymous.get('/')).body).toEqual({ version: 3 });
    expect((await alice.get('/auth-check/')).body).toEqual({ id: expect.any(Number), name: alice.name });
    const chroots = (await bed.anonymous.get('/mock-chroots/list')).body;
    expect(chroots).toMatchObject({ [F43]: '', 'fedora-rawhide-x86_64': 'The **development** version.' });
    expect(chroots).not.toHaveProperty(OLD_CHROOT);
  });

  test('a new token works at once, and the old one no more', async () => {
    const user = await bed.user('token');
    const answer = await user.ok('POST', '/api-token');
    expect(answer).toEqual({
      api_login: expect.stringMatching(/^[a-z]+$/),
      api_token: expect.stringMatching(/^[a-z]{30}$/),
      expiration: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    });
    expect((await user.get('/auth-check')).status).toBe(401);
    const pair = Buffer.from(`${String(answer.api_login)}:${String(answer.api_token)}`).toString('base64');
    const response = await fetch(`${bed.url}/api_3/auth-check`, { headers: { authorization: `Basic ${pair}` } });
    expect(response.status).toBe(200);
    expect((await user.put('/api-token')).status).toBe(405);
  });
});

describe('finding', () => {
  test('one needs both names', async () => {
    const answer = await bed.anonymous.get('/project?ownername=x');
    expect([answer.status, answer.body.error]).toEqual([400, 'Missing argument projectname']);
    expect((await bed.anonymous.get('/project?ownername=no&projectname=body')).body.error).toContain('no/body');
  });

  test('lists go by number and pages; nobody has an empty one', async () => {
    const user = await bed.user('lister');
    const names = [await fresh({}, user), await fresh({}, user), await fresh({}, user)];
    const nameList = (body: Record<string, unknown>): string[] =>
      (body.items as { name: string }[]).map(({ name }) => name);
    const path = `/project/list?ownername=${user.name}`;
    const all = (await bed.anonymous.get(path)).body;
    expect(nameList(all)).toEqual(names);
    expect(all.meta).toEqual({ limit: null, offset: 0, order: 'id', order_type: 'ASC' });
    expect(nameList((await bed.anonymous.get(`${path}&limit=1&offset=1`)).body)).toEqual([names[1]]);
    expect(nameList((await bed.anonymous.get(`${path}&order_type=DESC&limit=1`)).body)).toEqual([names[2]]);
    expect(nameList((await bed.anonymous.get(`${path}&offset=9`)).body)).toEqual([]);
    expect((await bed.anonymous.get(`${path}&limit=x`)).status).toBe(400);
    expect((await bed.anonymous.get('/project/list?ownername=nobody-at-all')).body.items).toEqual([]);
    const everything = (await bed.anonymous.get('/project/list')).body.items as { id: number }[];
    const ids = everything.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(ids.length).toBeGreaterThanOrEqual(3);
  });

  test('searches parts of names with a slash, and words of all texts without', async () => {
    const user = await bed.user('seeker');
    const name = await fresh({ description: 'A Quetzalcoatl compiler' }, user);
    const hits = async (query: string): Promise<string[]> => {
      const { body } = await bed.anonymous.get(`/project/search?query=${encodeURIComponent(query)}`);
      return (body.items as { full_name: string }[]).map((item) => item.full_name);
    };
    expect(await hits('quetzal')).toEqual([`${user.name}/${name}`]);
    expect(await hits('COMPILER quetzalcoatl')).toEqual([`${user.name}/${name}`]);
    expect(await hits('quetzalcoatl interpreter')).toEqual([]);
    expect(await hits(`${user.name.slice(2).toUpperCase()}/${name.slice(0, 1)}`)).toEqual([`${user.name}/${name}`]);
    const project = bed.cluster.project(user.name, name);
    if (project === undefined) throw new Error('the project is not there');
    const spec = { autoBuild: false, webhookRebuild: false };
    await bed.cluster.createPackage({ project, name: 'Xochipilli', spec }, AbortSignal.timeout(5_000));
    expect(await hits('xochipilli quetzalcoatl')).toEqual([`${user.name}/${name}`]);
    const short = await bed.anonymous.get('/project/search?query=ab');
    expect([short.status, short.body.error]).toEqual([400, expect.stringContaining('three characters')]);
    expect((await bed.anonymous.get('/project/search')).status).toBe(400);
  });

  test('a Project made with kubectl is shown as soon as kopr has given it a number', async () => {
    const name = await fresh();
    const namespace = bed.cluster.namespaceOf(alice.name) ?? '';
    const made = bed.cluster.project(alice.name, name)?.project.spec;
    if (made === undefined) throw new Error('the project is not there');
    const spec = { ...made, description: 'by hand' };
    await bed.kube.create(Projects, { metadata: { name: 'by-hand', namespace }, spec });
    expect((await alice.get(`/project?ownername=${alice.name}&projectname=by-hand`)).status).toBe(404);
    await bed.kube.mergePatch(Projects, `${namespace}/by-hand`, { status: { id: 424_242 } }, { subresource: 'status' });
    await eventually('the project in the cache', () => bed.cluster.project(alice.name, 'by-hand') !== undefined);
    const { body } = await alice.get(`/project?ownername=${alice.name}&projectname=by-hand`);
    expect(body).toMatchObject({ id: 424_242, description: 'by hand' });
  });
});
