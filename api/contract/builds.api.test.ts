/** Builds and their chroots, field by field: live ones, and the same ones once they are only recorded. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProjectView } from '../cluster/index.ts';
import { RESULTS_URL } from '../testing/bed.ts';
import { C42, C43, type Scene, SUBMITTED, startScene } from './testing/scene.ts';
import { expectDocumented } from './testing/schema.ts';

let scene: Scene;
let project: ProjectView;
let id: number;
let base: string;
let number: string;

beforeAll(async () => {
  scene = await startScene();
  project = await scene.project('hello');
  base = `${RESULTS_URL}/${project.owner}`;
  id = await scene.submitted(project);
  number = String(id).padStart(8, '0');
});
afterAll(() => scene?.stop());

/** Routes that show one build, and what each says of the build of these tests once it has ended. */
function ended(): [string, unknown][] {
  const chroot = (name: string) => ({
    name,
    state: 'succeeded',
    started_on: 1767323045,
    ended_on: 1767323345,
    result_url: `${base}/hello/${name}/${number}-hello/`,
  });
  const packages = [
    { name: 'hello', epoch: null, version: '1', release: '1', arch: 'src' },
    { name: 'hello', epoch: 2, version: '1', release: '1', arch: 'x86_64' },
  ];
  const config = {
    repos: [{ id: 'copr_base', name: 'Copr repository', baseurl: `${base}/hello/${C43}/`, repo_gpgcheck: false }],
    additional_repos: [`copr://${project.owner}/hello`],
    additional_packages: [],
    with_opts: [],
    without_opts: [],
    memory_limit: 2048,
    timeout: 18000,
    enable_net: false,
    is_background: false,
  };
  const meta = { limit: null, offset: 0, order: 'id', order_type: 'ASC' };
  return [
    [
      `/build/${id}`,
      {
        id,
        state: 'succeeded',
        ownername: project.owner,
        projectname: 'hello',
        project_dirname: 'hello',
        repo_url: `${base}/hello`,
        submitted_on: expect.any(Number),
        started_on: 1767323045,
        ended_on: 1767323345,
        submitter: project.owner,
        is_background: false,
        chroots: [C43, C42],
        source_package: { name: 'hello', version: '1-1', url: `${base}/hello/srpm-builds/${number}/hello-1-1.src.rpm` },
      },
    ],
    [`/build-chroot?build_id=${id}&chrootname=${C43}`, chroot(C43)],
    [`/build-chroot/${id}/${C43}`, chroot(C43)],
    [`/build-chroot/list?build_id=${id}`, { items: [chroot(C42), chroot(C43)], meta }],
    [`/build-chroot/list/${id}`, { items: [chroot(C42), chroot(C43)], meta }],
    [
      `/build-chroot/list?build_id=${id}&limit=1&offset=1`,
      { items: [chroot(C43)], meta: { ...meta, limit: 1, offset: 1 } },
    ],
    [`/build-chroot/build-config?build_id=${id}&chrootname=${C43}`, config],
    [`/build-chroot/build-config/${id}/${C43}`, config],
    [`/build-chroot/built-packages?build_id=${id}&chrootname=${C43}`, { packages }],
    [`/build/built-packages/${id}`, { [C42]: { packages }, [C43]: { packages } }],
    [`/build/source-chroot/${id}`, { state: 'succeeded', result_url: `${base}/hello/srpm-builds/${number}` }],
    [
      `/build/source-build-config/${id}`,
      {
        source_type: 'link',
        source_dict: { url: SUBMITTED },
        memory_limit: 2048,
        timeout: 18000,
        is_background: false,
      },
    ],
    [
      `/monitor?${scene.query(project)}`,
      {
        output: 'ok',
        message: expect.any(String),
        packages: [
          {
            name: 'hello',
            chroots: {
              [C43]: { state: 'succeeded', status: 1, build_id: id, pkg_version: '1-1' },
              [C42]: { state: 'succeeded', status: 1, build_id: id, pkg_version: '1-1' },
            },
          },
        ],
      },
    ],
    [
      `/monitor?${scene.query(project)}&additional_fields[]=url_build_log&additional_fields[]=url_build&additional_fields[]=url_backend_log`,
      {
        output: 'ok',
        message: expect.any(String),
        packages: [
          {
            name: 'hello',
            chroots: {
              [C43]: {
                state: 'succeeded',
                status: 1,
                build_id: id,
                pkg_version: '1-1',
                url_build_log: `${base}/hello/${C43}/${number}-hello/builder-live.log`,
                url_backend_log: null,
                url_build: `http://copr.test/coprs/build/${id}`,
              },
              [C42]: expect.objectContaining({ build_id: id }),
            },
          },
        ],
      },
    ],
  ];
}

describe('the life of a build', () => {
  it('begins as pending, without a package and without chroots', async () => {
    expect((await scene.anonymous.get(`/build/${id}`)).body).toEqual({
      id,
      state: 'pending',
      ownername: project.owner,
      projectname: 'hello',
      project_dirname: 'hello',
      repo_url: `${base}/hello`,
      submitted_on: expect.any(Number),
      started_on: null,
      ended_on: null,
      submitter: project.owner,
      is_background: false,
      chroots: [],
      source_package: { name: null, version: null, url: SUBMITTED },
    });
    expect((await scene.anonymous.get(`/build/built-packages/${id}`)).body).toEqual({});
    expect((await scene.anonymous.get(`/build-chroot/list?build_id=${id}`)).body).toMatchObject({ items: [] });
    expect((await scene.anonymous.get(`/build/source-chroot/${id}`)).body).toEqual({
      state: 'pending',
      result_url: null,
    });
    expect((await scene.anonymous.get(`/monitor?${scene.query(project)}`)).body).toMatchObject({ packages: [] });
  });

  it('shows what has come of it while it is in the cluster', async () => {
    await scene.progress(id);
    for (const [path, body] of ended()) {
      const answer = await scene.anonymous.get(path);
      expect({ path, status: answer.status, body: answer.body }).toEqual({ path, status: 200, body });
      expectDocumented('GET', path, answer.body);
    }
  });

  it('shows the same when it is only recorded', async () => {
    await scene.archive(id);
    for (const [path, body] of ended()) {
      const answer = await scene.anonymous.get(path);
      expect({ path, status: answer.status, body: answer.body }).toEqual({ path, status: 200, body });
      expectDocumented('GET', path, answer.body);
    }
  });
});

describe('a list of builds', () => {
  let listed: ProjectView;
  let ids: number[];
  const page = async (query: string) => {
    const { body } = await scene.anonymous.get(`/build/list?${scene.query(listed)}${query}`);
    expectDocumented('GET', '/build/list', body);
    return { ids: (body.items as { id: number }[]).map((item) => item.id), meta: body.meta };
  };

  beforeAll(async () => {
    listed = await scene.project('listed');
    ids = [];
    for (let n = 0; n < 5; n += 1) ids.unshift(await scene.submitted(listed));
    const [, fourth = 0, third = 0, second = 0, first = 0] = ids;
    await scene.progress(first, { name: 'aaa' });
    await scene.progress(second, { name: 'bbb', chroots: { [C43]: 'failed', [C42]: 'succeeded' } });
    await scene.progress(third, { name: 'aaa' });
    await scene.progress(fourth, { name: 'bbb', running: true });
    // The oldest and one between two live ones are recorded.
    await scene.archive(first);
    await scene.archive(third);
  });

  it.each([
    ['', [0, 1, 2, 3, 4], { limit: null, offset: 0, order: 'id', order_type: 'ASC' }],
    ['&limit=2', [0, 1], { limit: 2, offset: 0, order: 'id', order_type: 'ASC' }],
    ['&limit=2&offset=2', [2, 3], { limit: 2, offset: 2, order: 'id', order_type: 'ASC' }],
    ['&limit=2&offset=4', [4], { limit: 2, offset: 4, order: 'id', order_type: 'ASC' }],
    ['&limit=2&offset=6', [], { limit: 2, offset: 6, order: 'id', order_type: 'ASC' }],
    ['&limit=0', [], { limit: 0, offset: 0, order: 'id', order_type: 'ASC' }],
    ['&order=id&order_type=DESC', [0, 1, 2, 3, 4], { limit: null, offset: 0, order: 'id', order_type: 'DESC' }],
    ['&packagename=aaa', [2, 4], undefined],
    ['&packagename=bbb&limit=1&offset=1', [3], undefined],
    ['&packagename=none', [], undefined],
    ['&status=succeeded', [2, 4], undefined],
    ['&status=failed', [3], undefined],
    ['&status=running', [1], undefined],
    ['&status=pending', [0], undefined],
    ['&status=forked', [], undefined],
    ['&packagename=aaa&status=failed', [], undefined],
  ])('of query "%s"', async (query, places, meta) => {
    const answer = await page(query);
    expect(answer.ids).toEqual(places.map((place) => ids[place]));
    if (meta !== undefined) expect(answer.meta).toEqual(meta);
  });

  it('hides what is being removed at once, wherever it is', async () => {
    const gone = [ids[2] ?? 0, ids[3] ?? 0];
    const answer = await scene.owner.delete('/build/delete/list', { builds: gone });
    expect(answer.body).toEqual({ builds: gone });
    expectDocumented('DELETE', '/build/delete/list', answer.body);
    expect((await page('')).ids).toEqual([ids[0], ids[1], ids[4]]);
    for (const one of gone) expect((await scene.anonymous.get(`/build/${one}`)).status).toBe(404);
    const monitor = await scene.anonymous.get(`/monitor?${scene.query(listed)}`);
    expect(monitor.body.packages).toMatchObject([
      { name: 'aaa', chroots: { [C43]: { build_id: ids[4] } } },
      { name: 'bbb', chroots: { [C43]: { build_id: ids[1], state: 'running', status: 3 } } },
    ]);
  });
});

describe('canceling', () => {
  it('counts at once, and is refused for what is over', async () => {
    const of = await scene.project('cancel');
    const one = await scene.submitted(of, { chroots: [C43] });
    const canceled = await scene.builder.put(`/build/cancel/${one}`);
    expectDocumented('PUT', `/build/cancel/${one}`, canceled.body);
    expect(canceled).toMatchObject({ status: 200, body: { id: one, state: 'canceled', chroots: [C43] } });
    expect((await scene.anonymous.get(`/build/${one}`)).body).toMatchObject({ state: 'canceled' });
    expect((await scene.owner.put(`/build/cancel/${one}`)).status).toBe(409);
    const two = await scene.submitted(of);
    const legacy = await scene.owner.post(`/build/cancel/${two}`);
    expect(legacy).toMatchObject({ status: 200, body: { state: 'canceled' } });
    expect(legacy.headers.get('warning')).toMatch(/PUT/);
  });
});

describe('deleting one build', () => {
  it('answers with the build as it was', async () => {
    const of = await scene.project('delete');
    const one = await scene.submitted(of);
    await scene.progress(one);
    const before = await scene.anonymous.get(`/build/${one}`);
    const answer = await scene.owner.delete(`/build/delete/${one}`);
    expect(answer).toMatchObject({ status: 200, body: before.body });
    expectDocumented('DELETE', `/build/delete/${one}`, answer.body);
    expect((await scene.anonymous.get(`/build/${one}`)).status).toBe(404);
  });
});
