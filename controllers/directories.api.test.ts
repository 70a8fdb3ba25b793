import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Build } from '../crds/build.ts';
import { Builds } from '../crds/build.ts';
import { ID_LABEL, REGENERATE_ANNOTATION } from '../crds/names.ts';
import type { Project } from '../crds/project.ts';
import { Projects } from '../crds/project.ts';
import type { Condition } from '../operator/conditions.ts';
import { findCondition } from '../operator/conditions.ts';
import { eventually } from '../operator/testing/harness.ts';
import { buildIs, buildOf, completed, stageOf, WAIT_MS } from './testing/await.ts';
import type { TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createProject } from './testing/create.ts';

/** What the REST API is built on, as kubectl alone can have it: names, numbers, directories, batches, ends. */
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
  await cluster.startOperator();
  await createProject(cluster, 'my-project', { name: 'My_Project', chroots: ['pebble-13-x86_64'] });
});

afterEach(() => {
  cluster.kubelet.fate = () => 'succeeds';
  cluster.standins.faults.clear();
});

afterAll(() => cluster?.stop());

function project(name: string): Project | undefined {
  return cluster.find(Projects, name);
}

function ready(name: string): Condition | undefined {
  return findCondition(project(name)?.status?.conditions as Condition[] | undefined, 'Ready');
}

async function isReady(name: string): Promise<NonNullable<Project['status']>> {
  await eventually(`readiness of Project ${name}`, () => ready(name)?.status === 'True', WAIT_MS);
  return project(name)?.status ?? {};
}

function patch(name: string, change: object): Promise<unknown> {
  return cluster.client.mergePatch(Projects, `${cluster.namespaces.tenant}/${name}`, change);
}

function build(name: string, spec: Partial<Build['spec']> = {}): Promise<Build> {
  return createBuild(cluster, name, { project: 'my-project', ...spec });
}

describe('a Project with a name of its own', () => {
  it('has it in its repositories, and a number that it keeps', async () => {
    const { id, name } = await isReady('my-project');
    expect([typeof id, name]).toEqual(['number', 'My_Project']);
    const { tenant } = cluster.namespaces;
    expect([...cluster.standins.publisher.projects.keys()]).toContain(`${tenant}/My_Project`);
    await patch('my-project', { spec: { description: 'changed' } });
    await eventually('the change', () => project('my-project')?.status?.observedGeneration === 2, WAIT_MS);
    expect(project('my-project')?.status?.id).toBe(id);
  });

  it('has what is built in it below that name', async () => {
    await build('plain');
    const status = await completed(cluster, 'plain');
    const { tenant } = cluster.namespaces;
    const root = `http://results.example/results/${tenant}/My_Project`;
    expect(status).toMatchObject({
      state: 'succeeded',
      source: { repo: `${tenant}/My_Project/hello` },
      chroots: [{ resultsURL: expect.stringContaining(`${root}/pebble-13-x86_64/`) }],
    });
  });

  it('takes the number that the REST API gave', async () => {
    const metadata = { name: 'numbered', namespace: cluster.namespaces.tenant, labels: { [ID_LABEL]: '4711' } };
    const spec = { chroots: ['pebble-13-x86_64'] } as Project['spec'];
    await cluster.client.create(Projects, { metadata, spec });
    expect((await isReady('numbered')).id).toBe(4711);
  });

  it('waits for a name that another one has, and gets it when that one is gone', async () => {
    const { tenant } = cluster.namespaces;
    const chroots = ['pebble-13-x86_64'];
    await createProject(cluster, 'older', { name: 'Taken', chroots });
    await isReady('older');
    await createProject(cluster, 'younger', { name: 'Taken', chroots });
    await eventually('the complaint', () => ready('younger')?.reason === 'NameTaken', WAIT_MS);
    await createProject(cluster, 'youngest', { name: 'Taken', chroots });
    await eventually('the complaint', () => ready('youngest')?.reason === 'NameTaken', WAIT_MS);
    await cluster.client.delete(Projects, `${tenant}/youngest`);
    await eventually('the end of it', () => project('youngest') === undefined, WAIT_MS);
    expect(cluster.standins.publisher.deleted).not.toContain(`${tenant}/Taken`);
    await cluster.client.delete(Projects, `${tenant}/older`);
    await isReady('younger');
    expect(cluster.standins.publisher.deleted).toContain(`${tenant}/Taken`);
  });
});

describe('a Build in a directory', () => {
  it('waits for its repositories, and publishes there', async () => {
    const { faults, publisher } = cluster.standins;
    faults.add({ match: /PUT .*projects.*pr%3A7/, action: 'working' });
    faults.add({ match: /PUT .*projects.*pr%3A7/, action: 'lost reply' });
    await build('in-directory', { directory: 'pr:7' });
    const { id = 0 } = await completed(cluster, 'in-directory');
    expect(buildOf(cluster, 'in-directory')?.status?.state).toBe('succeeded');
    expect(project('my-project')?.status?.directories).toEqual(['My_Project:pr:7']);
    const dirnames = publisher.ofBuild(id).map(({ request }) => request.project);
    expect(dirnames).toEqual(['My_Project:pr:7', 'My_Project:pr:7']);
    const { resultsURL, logURL } = stageOf(cluster, 'in-directory', 'pebble-13-x86_64')?.status ?? {};
    expect(resultsURL).toContain('/My_Project:pr:7/pebble-13-x86_64/');
    expect(logURL).toContain('/My_Project:pr:7/pebble-13-x86_64/');
    expect(cluster.standins.distgit.ofBuild(id)[0]?.project).toBe('My_Project');
  });

  it('sees the packages of the project and of its directory', () => {
    const id = buildOf(cluster, 'in-directory')?.status?.id;
    const binary = cluster.kubelet.pods.find(({ document }) => document.build === id && document.binary !== undefined);
    const repos = binary?.document.binary?.repos.map((repo) => [repo.id, repo.baseurl.split('/').slice(-3, -1)]);
    expect(repos).toEqual([
      ['copr_base', ['My_Project', 'pebble-13-x86_64']],
      ['copr_coprdir', ['My_Project:pr:7', 'pebble-13-x86_64']],
    ]);
  });

  it('ends with the words of a publisher that does not want it', async () => {
    cluster.standins.faults.add({
      match: /PUT .*projects.*custom%3Abad/,
      action: { status: 422, code: 'InvalidName' },
      times: 1000,
    });
    await build('bad-directory', { directory: 'custom:bad' });
    await buildIs(cluster, 'bad-directory', 'the words', ({ reason, queue }) => {
      return reason === 'DirectoryNotReady' && queue?.message?.includes('as the test wants it') === true;
    });
    await cluster.client.delete(Builds, `${cluster.namespaces.tenant}/bad-directory`);
  });
});

describe('a wish for new metadata', () => {
  it('reaches every directory, and is answered', async () => {
    await patch('my-project', { metadata: { annotations: { [REGENERATE_ANNOTATION]: 'once' } } });
    await eventually('the answer', () => project('my-project')?.status?.regenerated === 'once', WAIT_MS);
    const { projects } = cluster.standins.publisher;
    const { tenant } = cluster.namespaces;
    for (const name of ['My_Project', 'My_Project:pr:7']) {
      expect(projects.get(`${tenant}/${name}`)?.regenerate).toBe('once');
    }
  });
});

describe('batches', () => {
  it('come one after the other, whatever becomes of them', async () => {
    cluster.kubelet.fate = () => 'runs';
    await build('batch-1a');
    const { id = 0 } = await buildIs(cluster, 'batch-1a', 'its number', (status) => status.id !== undefined);
    await build('batch-1b', { batch: id });
    await build('batch-2', { afterBatch: id });
    await buildIs(cluster, 'batch-2', 'the wait', ({ queue }) => queue?.message?.includes('"batch-1b"') === true);
    cluster.kubelet.fate = (task) => (task.build === id ? 'fails' : 'succeeds');
    const ends = [await completed(cluster, 'batch-1a'), await completed(cluster, 'batch-1b')];
    expect(ends.map(({ state }) => state)).toEqual(['failed', 'succeeded']);
    const last = await completed(cluster, 'batch-2');
    expect(last.state).toBe('succeeded');
    expect(ends.every(({ completedAt = 'z' }) => (last.startedAt ?? '') >= completedAt)).toBe(true);
  });

  it('that nobody knows are over', async () => {
    await build('after-nothing', { afterBatch: 1_000_000 });
    expect((await completed(cluster, 'after-nothing')).state).toBe('succeeded');
  });

  it('that wait for each other end', async () => {
    cluster.kubelet.fate = () => 'runs';
    await build('holder');
    const { id = 0 } = await buildIs(cluster, 'holder', 'its number', (status) => status.id !== undefined);
    await build('circle-a', { afterBatch: id });
    const { id: a = 0 } = await buildIs(cluster, 'circle-a', 'its number', (status) => status.id !== undefined);
    await build('circle-b', { batch: id, afterBatch: a });
    cluster.kubelet.fate = () => 'succeeds';
    const ends = [await completed(cluster, 'circle-a'), await completed(cluster, 'circle-b')];
    expect(ends.map(({ reason }) => reason)).toContain('AfterCycle');
  });
});

describe('a Project whose time is over', () => {
  it('is deleted when its last Build has ended', async () => {
    const { tenant } = cluster.namespaces;
    await createProject(cluster, 'fleeting', { chroots: ['pebble-13-x86_64'] });
    cluster.kubelet.fate = () => 'runs';
    await createBuild(cluster, 'last', { project: 'fleeting' });
    await eventually(
      'a running stage',
      () => stageOf(cluster, 'last', 'srpm-builds')?.status?.phase === 'Running',
      WAIT_MS,
    );
    await patch('fleeting', { spec: { expiresAt: '2026-01-01T00:00:00Z' } });
    await eventually('the change', () => project('fleeting')?.status?.observedGeneration === 2, WAIT_MS);
    expect(project('fleeting')?.metadata.deletionTimestamp).toBeUndefined();
    cluster.kubelet.fate = () => 'succeeds';
    await eventually('its end', () => project('fleeting') === undefined, WAIT_MS);
    expect(cluster.standins.publisher.deleted).toContain(`${tenant}/fleeting`);
  });
});
