import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Builds } from '../crds/build.ts';
import { Projects } from '../crds/project.ts';
import { eventually } from '../operator/testing/harness.ts';
import { buildIs, buildOf, completed, released, stageOf, WAIT_MS } from './testing/await.ts';
import type { TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createProject } from './testing/create.ts';
import type { Fate } from './testing/kubelet.ts';

/** `spec.cancelled` ends a Build wherever it is, and soon. Binary stages: control.api.test.ts. */
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
  await cluster.startOperator();
  await createProject(cluster, 'hello', { chroots: ['pebble-13-x86_64'] });
});

afterEach(() => {
  cluster.kubelet.fate = () => 'succeeds';
  cluster.standins.faults.clear();
});

afterAll(() => cluster?.stop());

async function cancel(name: string): Promise<void> {
  await cluster.client.mergePatch(Builds, `${cluster.namespaces.tenant}/${name}`, { spec: { cancelled: true } });
}

async function expectCancelled(name: string): Promise<void> {
  const status = await completed(cluster, name);
  expect(status).toMatchObject({ state: 'canceled', reason: 'Cancelled' });
  await released(cluster, name);
}

/** Numbers of pods that were started for a Build. */
function podsOf(name: string): number {
  const id = buildOf(cluster, name)?.status?.id;
  return cluster.kubelet.pods.filter(({ document }) => document.build === id).length;
}

describe('a Build that is cancelled while it waits', () => {
  it.each([
    { title: 'for its number', spec: { cancelled: true }, reason: undefined },
    { title: 'for its Project', spec: { project: 'nowhere' }, reason: 'ProjectNotFound' },
    { title: 'for another Build that is not there', spec: { after: ['nobody'] }, reason: 'AfterBuildNotFound' },
    { title: 'for its Package', spec: { package: 'nothing' }, reason: 'PackageNotFound' },
  ])('$title never starts', async ({ title, spec, reason }) => {
    const name = `waits-${title.toLowerCase().replaceAll(' ', '-')}`;
    await createBuild(cluster, name, spec);
    if (reason !== undefined) {
      await buildIs(cluster, name, 'the wait', (status) => status.reason === reason);
      await cancel(name);
    }
    await expectCancelled(name);
    expect([podsOf(name), stageOf(cluster, name, 'srpm-builds')]).toEqual([0, undefined]);
    expect(buildOf(cluster, name)?.status?.id).toBeGreaterThan(0);
  });

  it('for other Builds, by name or by batch, never starts', async () => {
    cluster.kubelet.fate = () => 'runs';
    await createBuild(cluster, 'first');
    const { id = 0 } = await buildIs(cluster, 'first', 'its number', (status) => status.id !== undefined);
    await createBuild(cluster, 'by-name', { after: ['first'] });
    await createBuild(cluster, 'by-batch', { afterBatch: id });
    await buildIs(cluster, 'by-name', 'the wait', ({ reason }) => reason === 'AfterBuild');
    await buildIs(cluster, 'by-batch', 'the wait', ({ reason }) => reason === 'AfterBatch');
    for (const name of ['by-name', 'by-batch']) {
      await cancel(name);
      await expectCancelled(name);
      expect(podsOf(name)).toBe(0);
    }
    await cancel('first');
    await expectCancelled('first');
  });

  it('for the repositories of its directory never starts', async () => {
    cluster.standins.faults.add({ match: /PUT .*projects.*pr%3A9/, action: 'working', times: 1000 });
    await createBuild(cluster, 'in-directory', { directory: 'pr:9' });
    await buildIs(cluster, 'in-directory', 'the wait', ({ reason }) => reason === 'DirectoryNotReady');
    await cancel('in-directory');
    await expectCancelled('in-directory');
    expect(podsOf('in-directory')).toBe(0);
  });
});

describe('a Build that is cancelled in its source stage', () => {
  async function phase(name: string, wanted: string): Promise<void> {
    await eventually(
      `phase ${wanted} of ${name}`,
      () => stageOf(cluster, name, 'srpm-builds')?.status?.phase === wanted,
      WAIT_MS,
    );
  }

  it.each<{ wanted: string; fate: Fate }>([
    { wanted: 'Starting', fate: 'waits for a node' },
    { wanted: 'Running', fate: 'runs' },
  ])('$wanted ends its builder', async ({ wanted, fate }) => {
    const name = `source-${wanted.toLowerCase()}`;
    cluster.kubelet.fate = () => fate;
    await createBuild(cluster, name);
    await phase(name, wanted);
    await cancel(name);
    await expectCancelled(name);
    expect(stageOf(cluster, name, 'srpm-builds')?.status?.phase).toBe('Cancelled');
  });

  it('after a builder was lost does not take another one', async () => {
    cluster.kubelet.fate = (_task, attempt) => (attempt === 1 ? 'vanishes' : 'waits for a node');
    await createBuild(cluster, 'retried');
    await eventually(
      'the second attempt',
      () => stageOf(cluster, 'retried', 'srpm-builds')?.status?.attempt === 2,
      WAIT_MS,
    );
    await cancel('retried');
    await expectCancelled('retried');
  });

  it('importing lets the import end, and builds nothing', async () => {
    cluster.standins.faults.add({ match: /PUT .*imports/, action: 'working', times: 4 });
    await createBuild(cluster, 'importing');
    await phase('importing', 'Importing');
    await cancel('importing');
    await expectCancelled('importing');
    expect(stageOf(cluster, 'importing', 'srpm-builds')?.status?.phase).toBe('Succeeded');
    expect(stageOf(cluster, 'importing', 'pebble-13-x86_64')).toBeUndefined();
  });

  it('while the publisher is away does not wait for it', async () => {
    cluster.standins.faults.add({ match: /GET .*tasks/, action: { status: 503 }, times: 1000 });
    await createBuild(cluster, 'deserted');
    const reason = () => stageOf(cluster, 'deserted', 'srpm-builds')?.status?.reason;
    await eventually('the wait for the publisher', () => reason() === 'ServiceUnavailable', WAIT_MS);
    await cancel('deserted');
    await expectCancelled('deserted');
  });
});

describe('a Project that is suspended', () => {
  it('does not keep its Builds from being cancelled', async () => {
    const suspend = (value: boolean): Promise<unknown> =>
      cluster.client.mergePatch(Projects, `${cluster.namespaces.tenant}/hello`, { spec: { suspend: value } });
    await suspend(true);
    await createBuild(cluster, 'suspended');
    await buildIs(cluster, 'suspended', 'the wait', ({ reason }) => reason === 'ProjectSuspended');
    await cancel('suspended');
    await expectCancelled('suspended');
    await suspend(false);
  });
});
