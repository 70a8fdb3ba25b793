/** What dnf asks for, and what is still answered while the database is away. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Projects } from '../../crds/project.ts';
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import { keyOf } from '../../operator/resource.ts';
import { eventually } from '../../operator/testing/harness.ts';
import type { ProjectView } from '../cluster/index.ts';
import { DOWNLOADS } from '../db/constants.ts';
import { C42, C43, type Scene, startScene } from './testing/scene.ts';
import { expectDocumented } from './testing/schema.ts';

let scene: Scene;
let base: ProjectView;
let project: ProjectView;
let ofGroup: ProjectView;
const I386 = 'fedora-43-i386';
const OLD = 'fedora-39-x86_64';

beforeAll(async () => {
  scene = await startScene();
  base = await scene.project('base', { options: options({ repoPriority: 9 }) });
  project = await scene.project('full', {
    chroots: [C43, C42, I386],
    options: options({ multilib: true, moduleHotfixes: true, repoPriority: 20 }),
    runtimeDependencies: [
      `copr://${base.owner}/base`,
      'https://other.test/$chroot/?priority=5',
      `copr://${base.owner}/gone`,
      `copr://${base.owner}/full`,
    ],
    expiresAt: toTimestamp(systemClock.now() + 2.5 * 86_400_000),
  });
  const group = await scene.group('team');
  ofGroup = await scene.project('p', {}, `@${group}`);
  // What a chroot leaves behind that is not enabled any more, and a directory.
  const status = {
    directories: ['full:pr:7'],
    chroots: [OLD, C43].map((name) => ({
      name,
      repoURL: 'http://r',
      repoFileURL: 'http://r',
      generation: 1,
      packages: 1,
    })),
  };
  await scene.kube.mergePatch(Projects, keyOf(project.project), { status }, { subresource: 'status' });
  await eventually('the directory', () =>
    Promise.resolve(scene.cluster.project(project.owner, 'full')?.project.status?.directories?.length === 1),
  );
});
afterAll(() => scene?.stop());

function options(more: object): ProjectView['project']['spec']['options'] {
  const usual = {
    network: false,
    bootstrap: 'default',
    isolation: 'default',
    develMode: false,
    multilib: false,
    fedoraReview: false,
    appstream: false,
    followFedoraBranching: true,
    autoPrune: true,
    moduleHotfixes: false,
    timeoutSeconds: 18000,
  };
  return { ...usual, ...more } as ProjectView['project']['spec']['options'];
}

function sections(text: string): Record<string, Record<string, string>> {
  const all: Record<string, Record<string, string>> = {};
  let current: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const id = /^\[(.*)\]$/.exec(line)?.[1];
    if (id !== undefined) {
      current = {};
      all[id] = current;
    } else if (line.includes('=')) current[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
  }
  return all;
}

describe('a .repo file', () => {
  const own = (dirname = 'full'): string => `copr:copr.test:${project.owner}:${dirname}`;
  const results = (): string => `http://results.test/results/${project.owner}`;

  it.each([
    'fedora-43',
    'fedora-43/',
    'fedora-43/dnf.repo',
    'fedora-43-x86_64/any-name.repo',
    'fedora-43/dnf.repo?arch=aarch64',
  ])('is whole at repo/%s', async (rest) => {
    const answer = await scene.anonymous.get(`/coprs/${project.owner}/full/repo/${rest}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(answer.headers.get('content-disposition')).toBe(`filename=${project.owner}-full.repo`);
    const external = 'coprdep:https_other_test_chroot';
    expect(Object.keys(sections(answer.text))).toEqual([own(), `coprdep:copr.test:${base.owner}:base`, external]);
    expect(sections(answer.text)[own()]).toEqual({
      name: `Copr repo for full owned by ${project.owner}`,
      baseurl: `${results()}/full/fedora-$releasever-$basearch/`,
      type: 'rpm-md',
      skip_if_unavailable: 'True',
      gpgcheck: '1',
      gpgkey: `${results()}/full/pubkey.gpg`,
      repo_gpgcheck: '0',
      enabled: '1',
      enabled_metadata: '1',
      module_hotfixes: '1',
      priority: '20',
    });
    expect(sections(answer.text)[`coprdep:copr.test:${base.owner}:base`]).toMatchObject({
      baseurl: `${results()}/base/fedora-$releasever-$basearch/`,
      priority: '9',
    });
    expect(sections(answer.text)[external]).toMatchObject({
      baseurl: 'https://other.test/fedora-$releasever-$basearch/',
      gpgcheck: '0',
      priority: '5',
    });
    expect(answer.text).toMatch(/^# The project copr:\/\/.*\/gone, .* does not exist\.$/m);
  });

  it('has a part for 32 bits on a machine that runs such packages too', async () => {
    const answer = await scene.anonymous.get(`/coprs/${project.owner}/full/repo/fedora-43/dnf.repo?arch=x86_64`);
    expect(sections(answer.text)[`${own()}:ml`]).toMatchObject({
      baseurl: `${results()}/full/fedora-$releasever-i386/`,
      cost: '1100',
    });
    const other = await scene.anonymous.get(`/coprs/${project.owner}/full/repo/fedora-42/dnf.repo?arch=x86_64`);
    expect(other.text).not.toContain(':ml]');
  });

  it('is there for a chroot that is not enabled any more, and for a directory', async () => {
    expect((await scene.anonymous.get(`/coprs/${project.owner}/full/repo/fedora-39/`)).status).toBe(200);
    const directory = await scene.anonymous.get(`/coprs/${project.owner}/full:pr:7/repo/fedora-43/dnf.repo`);
    expect(sections(directory.text)[own('full:pr:7')]?.baseurl).toBe(
      `${results()}/full:pr:7/fedora-$releasever-$basearch/`,
    );
    expect(directory.headers.get('content-disposition')).toBe(`filename=${project.owner}-full-pr-7.repo`);
  });

  it('of a group is found under both forms of its name', async () => {
    for (const owner of [ofGroup.owner, encodeURIComponent(ofGroup.owner), `g/${ofGroup.owner.slice(1)}`]) {
      const answer = await scene.anonymous.get(`/coprs/${owner}/p/repo/fedora-43/dnf.repo?arch=x86_64`);
      expect(answer.status).toBe(200);
      const section = sections(answer.text)[`copr:copr.test:group_${ofGroup.owner.slice(1)}:p`];
      expect(section?.baseurl).toBe(`http://results.test/results/${ofGroup.owner}/p/fedora-$releasever-$basearch/`);
    }
  });

  it('is counted', async () => {
    const key = `${project.uid} fedora-42`;
    await scene.anonymous.get(`/coprs/${project.owner}/full/repo/fedora-42/dnf.repo`);
    await eventually(
      'the counter',
      async () => ((await scene.db.counters.get(DOWNLOADS, [key])).get(key) ?? 0) >= 1,
      15_000,
    );
  });
});

describe('rpmrepo for dnf5', () => {
  it.each(['fedora-43', 'epel-9', 'anything'])('says all of a project for %s', async (release) => {
    const opts = { module_hotfixes: '1', priority: 20 };
    const { body, status } = await scene.anonymous.get(`/rpmrepo/${project.owner}/full/${release}/`);
    expect(status).toBe(200);
    expectDocumented('GET', `/rpmrepo/${project.owner}/full/${release}/`, body);
    expect(body).toEqual({
      results_url: 'http://results.test/results',
      repos: {
        'fedora-43': {
          arch: { x86_64: { opts, multilib: { i386: { opts: { ...opts, cost: '1100' } } } }, i386: { opts } },
        },
        'fedora-42': { arch: { x86_64: { opts } } },
        'fedora-39': { arch: { x86_64: { opts } } },
      },
      directories: { full: {}, 'full:pr:7': {} },
      dependencies: [
        {
          type: 'copr',
          opts: {
            id: `coprdep:copr.test:${base.owner}:base`,
            name: expect.stringContaining('runtime dependency #1'),
            priority: 9,
          },
          data: { owner: base.owner, projectname: 'base' },
        },
        {
          type: 'external_baseurl',
          opts: { id: 'coprdep:https_other_test_chroot', name: expect.stringContaining('#2'), priority: 5 },
          data: { pattern: 'https://other.test/$chroot/' },
        },
      ],
      delete_after_days: 3,
    });
  });

  it('has no keys for what a project does not have', async () => {
    const { body } = await scene.anonymous.get(`/rpmrepo/${ofGroup.owner}/p/fedora-43`);
    const arch = { x86_64: { opts: {} } };
    expect(body).toEqual({
      results_url: 'http://results.test/results',
      repos: { 'fedora-42': { arch }, 'fedora-43': { arch } },
      directories: { p: {} },
      dependencies: [],
    });
  });

  it('tells by its directories whether one exists', async () => {
    const { body } = await scene.anonymous.get(`/rpmrepo/${project.owner}/full:pr:7/fedora-43/`);
    expect(body.directories).toHaveProperty('full:pr:7');
    const missing = await scene.anonymous.get(`/rpmrepo/${project.owner}/full:pr:8/fedora-43/`);
    expect(missing.body.directories).not.toHaveProperty('full:pr:8');
  });
});

describe('while the database is away', () => {
  let live: number;
  let recorded: number;
  beforeAll(async () => {
    live = await scene.submitted(base);
    recorded = await scene.submitted(base);
    await scene.progress(live);
    await scene.progress(recorded);
    await scene.archive(recorded);
    await scene.postgres.stop();
  });

  it.each([
    ['a live build', () => `/build/${live}`],
    ['its chroots', () => `/build-chroot/list?build_id=${live}`],
    ['one of them', () => `/build-chroot?build_id=${live}&chrootname=${C43}`],
    ['its packages', () => `/build/built-packages/${live}`],
    ['its configuration', () => `/build-chroot/build-config?build_id=${live}&chrootname=${C43}`],
    ['its source', () => `/build/source-build-config/${live}`],
    ['rpmrepo', () => `/rpmrepo/${base.owner}/base/fedora-43/`],
    ['a .repo file', () => `/coprs/${base.owner}/base/repo/fedora-43/dnf.repo`],
  ])('%s is still answered', async (_what, path) => {
    expect((await scene.anonymous.get(path())).status).toBe(200);
  });

  it.each([
    ['a recorded build', () => `/build/${recorded}`],
    ['a list of builds', () => `/build/list?${scene.query(base)}`],
    ['the monitor', () => `/monitor?${scene.query(base)}`],
    ['packages', () => `/package/list?${scene.query(base)}`],
    ['a package', () => `/package?${scene.query(base)}&packagename=hello`],
    ['chroots of a recorded build', () => `/build-chroot/list?build_id=${recorded}`],
  ])('%s is 503 with a sentence', async (_what, path) => {
    const answer = await scene.anonymous.get(path());
    expect(answer).toMatchObject({
      status: 503,
      body: { error: expect.stringMatching(/database .* cannot be reached/) },
    });
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  });
});
