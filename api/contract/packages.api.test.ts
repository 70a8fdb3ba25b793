/** Packages, field by field: declared ones, and those known through builds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Builds } from '../../crds/build.ts';
import { eventually } from '../../operator/testing/harness.ts';
import type { ProjectView } from '../cluster/index.ts';
import type { Answer } from '../testing/client.ts';
import { C42, C43, type Scene, SUBMITTED, startScene } from './testing/scene.ts';
import { expectDocumented } from './testing/schema.ts';

let scene: Scene;
let project: ProjectView;
const url = 'https://git.test/x.git';
const SCM = { type: 'git', clone_url: url, committish: '', subdirectory: '', spec: '', source_build_method: 'rpkg' };

beforeAll(async () => {
  scene = await startScene();
  project = await scene.project('pkgs');
});
afterAll(() => scene?.stop());

const path = (what: string, rest: string): string => `/package/${what}/${project.owner}/pkgs/${rest}`;
const read = async (name: string, more = ''): Promise<Record<string, unknown>> =>
  (await scene.anonymous.get(`/package?${scene.query(project)}&packagename=${name}${more}`)).body;
const whole = (name: string, more: object = {}): object => ({
  id: expect.any(Number),
  name,
  ownername: project.owner,
  projectname: 'pkgs',
  source_type: 'scm',
  source_dict: SCM,
  auto_rebuild: false,
  builds: { latest: null, latest_succeeded: null },
  ...more,
});
const object = (name: string) => scene.cluster.package(project, name)?.spec;

describe('a declared package', () => {
  it('is answered whole, with a number that stays', async () => {
    const added = await scene.owner.post(path('add', 'Hello/scm'), { package_name: 'Hello', clone_url: url });
    expect(added).toMatchObject({ status: 200, body: whole('Hello') });
    expect(await read('Hello')).toEqual(added.body);
    expect(object('Hello')).toMatchObject({
      name: 'Hello',
      autoBuild: false,
      webhookRebuild: false,
      source: { git: { url } },
    });
  });

  it('keeps what an edit does not say', async () => {
    const first = {
      clone_url: url,
      committish: 'main',
      spec: 'a.spec',
      webhook_rebuild: true,
      max_builds: 3,
      timeout: 60,
      chroot_denylist: 'fedora-42-*',
    };
    await scene.owner.ok('POST', path('add', 'edited/scm'), first);
    expect(object('edited')).toMatchObject({ maxBuilds: 3, timeoutSeconds: 60, chrootDenylist: ['fedora-42-*'] });
    const changed = await scene.owner.post(path('edit', 'edited/scm'), { subdirectory: 'sub', webhook_rebuild: false });
    const source_dict = { ...SCM, committish: 'main', spec: 'a.spec', subdirectory: 'sub' };
    expect(changed).toMatchObject({ status: 200, body: whole('edited', { source_dict }) });
    expect(object('edited')).toMatchObject({ maxBuilds: 3, timeoutSeconds: 60, chrootDenylist: ['fedora-42-*'] });
  });

  it.each([
    [
      'a commit, by the path without a type',
      'edited',
      { committish: 'v2' },
      { source: { git: { url, committish: 'v2', spec: 'a.spec', subdirectory: 'sub' } } },
    ],
    ['by a path that ends in a slash', 'edited/', { committish: 'v3' }, { source: { git: { committish: 'v3' } } }],
    [
      'no spec file any more',
      'edited/scm',
      { spec: '' },
      { source: { git: { url, committish: 'v3', subdirectory: 'sub' } } },
    ],
    [
      'the address',
      'edited/scm',
      { clone_url: 'https://git.test/y' },
      { source: { git: { url: 'https://git.test/y' } } },
    ],
    ['webhooks', 'edited', { webhook_rebuild: true }, { webhookRebuild: true }],
    ['the number of builds', 'edited', { max_builds: 7 }, { maxBuilds: 7 }],
    ['the denylist', 'edited', { chroot_denylist: 'fedora-43-*' }, { chrootDenylist: ['fedora-43-*'] }],
  ])('takes %s', async (_what, rest, body, spec) => {
    expect((await scene.owner.post(path('edit', rest), body)).status).toBe(200);
    expect(object('edited')).toMatchObject(spec);
  });

  it('loses what 0 and empty words take away', async () => {
    const body = { max_builds: 0, timeout: 0, chroot_denylist: '' };
    expect((await scene.owner.post(path('edit', 'edited'), body)).status).toBe(200);
    const spec = object('edited');
    expect([spec?.maxBuilds, spec?.timeoutSeconds, spec?.chrootDenylist]).toEqual([undefined, undefined, undefined]);
  });

  it('has no source after a reset, and gets one by an edit', async () => {
    await scene.owner.ok('POST', path('add', 'reset/scm'), { clone_url: url });
    const body = { ...scene.names(project), package_name: 'reset' };
    const unset = { source_type: 'unset', source_dict: {} };
    expect((await scene.owner.put('/package/reset', body)).body).toEqual(whole('reset', unset));
    expect(await read('reset')).toEqual(whole('reset', unset));
    expect((await scene.owner.post('/package/build', body)).body.error).toMatch(
      /has no source to build from \(unset\)/,
    );
    expect((await scene.owner.post(path('edit', 'reset/scm'), { clone_url: url })).body).toEqual(whole('reset'));
  });

  it('is built with its chroots, its timeout and its name', async () => {
    await scene.owner.ok('POST', path('add', 'built/scm'), {
      clone_url: url,
      timeout: 99,
      chroot_denylist: 'fedora-42-*',
    });
    const body = { ...scene.names(project), package_name: 'built', background: true };
    const answer = await scene.builder.post('/package/build', body);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        state: 'pending',
        chroots: [C43],
        is_background: true,
        source_package: { name: 'built', version: null, url: null },
      },
    });
    const spec = scene.cluster.build(Number(answer.body.id))?.spec;
    expect(spec).toMatchObject({ timeoutSeconds: 99, chroots: [C43], background: true });
    expect(scene.cluster.packagesOf(project).find(({ metadata }) => metadata.name === spec?.package)?.spec.name).toBe(
      'built',
    );
    const config = await scene.anonymous.get(`/build/source-build-config/${answer.body.id}`);
    expect(config.body).toMatchObject({ source_type: 'scm', source_dict: { clone_url: url }, timeout: 99 });
    const chosen = await scene.builder.post('/package/build', { ...body, chroots: [C42], timeout: 7 });
    expect(chosen.body).toMatchObject({ chroots: [C42] });
    expect(await read('built', '&with_latest_build=True')).toMatchObject({
      builds: { latest: { id: chosen.body.id } },
    });
  });
});

describe('a package known through builds', () => {
  let ids: number[];
  beforeAll(async () => {
    ids = [await scene.submitted(project), await scene.submitted(project), await scene.submitted(project)];
    await scene.progress(ids[0] ?? 0, { name: 'seen' });
    await scene.progress(ids[1] ?? 0, { name: 'seen', chroots: { [C43]: 'failed' } });
    await scene.progress(ids[2] ?? 0, { name: 'seen', running: true });
    await scene.archive(ids[0] ?? 0);
  });

  it.each([
    ['', null, null],
    ['&with_latest_build=True', 2, null],
    ['&with_latest_succeeded_build=True', null, 0],
    ['&with_latest_build=1&with_latest_succeeded_build=true', 2, 0],
    ['&with_latest_build=False&with_latest_succeeded_build=False', null, null],
  ])('has the source of its build, and with "%s" its newest builds', async (query, latest, succeeded) => {
    const build = async (place: number | null) =>
      place === null ? null : (await scene.anonymous.get(`/build/${ids[place]}`)).body;
    const expected = whole('seen', {
      source_type: 'link',
      source_dict: { url: SUBMITTED },
      builds: { latest: await build(latest), latest_succeeded: await build(succeeded) },
    });
    const one = await read('seen', query);
    expect(one).toEqual(expected);
    expectDocumented('GET', '/package', one);
    const list = await scene.anonymous.get(`/package/list?${scene.query(project)}${query}`);
    expectDocumented('GET', '/package/list', list.body);
    expect((list.body.items as { name: string }[]).find(({ name }) => name === 'seen')).toEqual(expected);
  });

  it('goes with all its builds, once they have ended', async () => {
    const body = { ...scene.names(project), package_name: 'seen' };
    expect((await scene.owner.delete('/package/delete', body)).status).toBe(400);
    await scene.owner.put(`/build/cancel/${ids[2]}`);
    expect((await scene.owner.delete('/package/delete', body)).body.error).toMatch(/have not ended/);
    await scene.kube.delete(Builds, `${project.namespace}/pkgs-${ids[2]}`);
    const gone = await eventuallyDeleted(body);
    expect(gone).toMatchObject({ status: 200, body: { name: 'seen' } });
    expect((await scene.anonymous.get(`/package?${scene.query(project)}&packagename=seen`)).status).toBe(404);
    for (const id of ids) expect((await scene.anonymous.get(`/build/${id}`)).status).toBe(404);
  });

  async function eventuallyDeleted(body: object): Promise<Answer | undefined> {
    let answer: Answer | undefined;
    await eventually('the end of the build', async () => {
      answer = await scene.owner.delete('/package/delete', body);
      return answer.status !== 400;
    });
    return answer;
  }
});

describe('a list of packages', () => {
  let listed: ProjectView;
  beforeAll(async () => {
    listed = await scene.project('listed');
    for (const name of ['b', 'c', 'a']) {
      await scene.owner.ok('POST', `/package/add/${listed.owner}/listed/${name}/scm`, { clone_url: url });
    }
  });

  it.each([
    ['', ['b', 'c', 'a'], { limit: null, offset: 0, order: 'id', order_type: 'ASC' }],
    ['&order=name', ['a', 'b', 'c'], { limit: null, offset: 0, order: 'name', order_type: 'ASC' }],
    ['&order=name&order_type=DESC', ['c', 'b', 'a'], { limit: null, offset: 0, order: 'name', order_type: 'DESC' }],
    ['&order_type=DESC&limit=2', ['a', 'c'], { limit: 2, offset: 0, order: 'id', order_type: 'DESC' }],
    ['&limit=2&offset=2', ['a'], { limit: 2, offset: 2, order: 'id', order_type: 'ASC' }],
    ['&limit=2&offset=4', [], { limit: 2, offset: 4, order: 'id', order_type: 'ASC' }],
  ])('of query "%s"', async (query, names, meta) => {
    const { body } = await scene.anonymous.get(`/package/list?${scene.query(listed)}${query}`);
    expect((body.items as { name: string }[]).map(({ name }) => name)).toEqual(names);
    expect(body.meta).toEqual(meta);
  });

  it('is empty for a project without any', async () => {
    const empty = await scene.project('empty');
    expect((await scene.anonymous.get(`/package/list?${scene.query(empty)}`)).body.items).toEqual([]);
  });

  it('loses what is deleted', async () => {
    const body = { ...scene.names(listed), package_name: 'c' };
    expect((await scene.owner.delete('/package/delete', body)).body).toMatchObject({ name: 'c', source_type: 'scm' });
    expect((await scene.owner.post('/package/delete', body)).status).toBe(404);
    const { body: list } = await scene.anonymous.get(`/package/list?${scene.query(listed)}`);
    expect(list.items).toHaveLength(2);
  });
});
