import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Builds } from '../crds/build.ts';
import { Builders } from '../crds/builder.ts';
import { BuilderPools } from '../crds/builderpool.ts';
import { BuildQuotas } from '../crds/buildquota.ts';
import { Projects } from '../crds/project.ts';
import { eventually } from '../operator/testing/harness.ts';
import { buildIs, buildOf, completed, released, stageOf, WAIT_MS } from './testing/await.ts';
import type { TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createPool, createProject } from './testing/create.ts';

/** What people do to builds and to the resources that builds share. */
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

async function patchBuild(name: string, spec: object): Promise<void> {
  await cluster.client.mergePatch(Builds, `${cluster.namespaces.tenant}/${name}`, { spec });
}

async function patchPool(spec: object): Promise<void> {
  await cluster.client.mergePatch(BuilderPools, `${cluster.namespaces.builds}/default`, { spec });
}

async function patchProject(spec: object): Promise<void> {
  await cluster.client.mergePatch(Projects, `${cluster.namespaces.tenant}/hello`, { spec });
}

describe('a Build that is cancelled', () => {
  async function phase(name: string, chroot: string, wanted: string): Promise<void> {
    await eventually(
      `phase ${wanted} of ${name}`,
      () => stageOf(cluster, name, chroot)?.status?.phase === wanted,
      WAIT_MS,
    );
  }

  async function expectCancelled(name: string): Promise<void> {
    const status = await completed(cluster, name);
    expect(status).toMatchObject({ state: 'canceled', reason: 'Cancelled' });
    expect(status.conditions?.map(({ type, status: value }) => [type, value])).toEqual([
      ['Succeeded', 'False'],
      ['Complete', 'True'],
    ]);
    await released(cluster, name);
  }

  it('at its creation never starts', async () => {
    await createBuild(cluster, 'stillborn', { cancelled: true });
    await expectCancelled('stillborn');
    expect(stageOf(cluster, 'stillborn', 'srpm-builds')).toBeUndefined();
  });

  it('while it waits for its project ends at once', async () => {
    await createBuild(cluster, 'lonely', { project: 'nowhere' });
    await buildIs(cluster, 'lonely', 'the wait', ({ reason }) => reason === 'ProjectNotFound');
    await patchBuild('lonely', { cancelled: true });
    await expectCancelled('lonely');
  });

  it('while it waits for a builder gives its ticket back', async () => {
    await patchPool({ max: 0 });
    await createBuild(cluster, 'queued');
    await buildIs(cluster, 'queued', 'a place in the queue', ({ queue }) => queue?.position === 0);
    await patchBuild('queued', { cancelled: true });
    await expectCancelled('queued');
    await patchPool({ max: 4 });
    const id = buildOf(cluster, 'queued')?.status?.id;
    expect(cluster.kubelet.pods.filter(({ document }) => document.build === id)).toEqual([]);
  });

  it.each([
    { when: 'while its builder starts', fate: 'waits for a node', wanted: 'Starting' },
    { when: 'while it runs', fate: 'runs', wanted: 'Running' },
  ] as const)('$when ends the pod', async ({ fate, wanted }) => {
    const name = `cancelled-${wanted.toLowerCase()}`;
    cluster.kubelet.fate = (task) => (task.chroot === 'srpm-builds' ? 'succeeds' : fate);
    await createBuild(cluster, name);
    await phase(name, 'pebble-13-x86_64', wanted);
    await patchBuild(name, { cancelled: true });
    await expectCancelled(name);
    expect(stageOf(cluster, name, 'pebble-13-x86_64')?.status).toMatchObject({ phase: 'Cancelled', state: 'canceled' });
  });

  it('while its results are being published shows what became of them', async () => {
    const name = 'cancelled-publishing';
    cluster.standins.faults.add({ match: /PUT .*publications/, action: 'lost reply' });
    cluster.standins.faults.add({ match: /PUT .*publications/, action: 'working', times: 4 });
    await createBuild(cluster, name);
    await phase(name, 'srpm-builds', 'Publishing');
    await patchBuild(name, { cancelled: true });
    await expectCancelled(name);
    expect(stageOf(cluster, name, 'srpm-builds')?.status?.phase).toBe('Succeeded');
    expect(stageOf(cluster, name, 'pebble-13-x86_64')).toBeUndefined();
  });

  it('after its end stays as it is', async () => {
    await createBuild(cluster, 'too-late');
    await completed(cluster, 'too-late');
    await patchBuild('too-late', { cancelled: true });
    const again = await createBuild(cluster, 'meanwhile');
    await completed(cluster, again.metadata.name);
    // "kubectl wait" believes only what was observed of the newest generation.
    await buildIs(cluster, 'too-late', 'the note of the change', ({ observedGeneration }) => observedGeneration === 2);
    const { metadata, status } = buildOf(cluster, 'too-late') ?? {};
    expect([metadata?.generation, status?.state]).toEqual([2, 'succeeded']);
    expect(status?.conditions?.map(({ status: value, observedGeneration }) => [value, observedGeneration])).toEqual([
      ['True', 2],
      ['True', 2],
    ]);
  });
});

describe('limits', () => {
  it('a BuildQuota holds, tells who waits for it, and lets everyone have their turn', async () => {
    const { tenant } = cluster.namespaces;
    await cluster.client.create(BuildQuotas, {
      metadata: { name: 'default', namespace: tenant },
      spec: { maxRunning: 1, weight: 100 },
    });
    let most = 0;
    const builders = (): number => {
      most = Math.max(most, cluster.list(Builders).filter(({ status }) => status?.phase !== 'Ended').length);
      return most;
    };
    cluster.kubelet.fate = () => 'runs';
    const names = ['quota-1', 'quota-2', 'quota-3'];
    for (const name of names) await createBuild(cluster, name);
    const waiting = (name: string): boolean =>
      cluster.find(Builds, name)?.status?.queue?.message?.includes('quota') === true;
    await eventually('two Builds that wait for the quota', () => names.filter(waiting).length === 2, WAIT_MS);
    cluster.kubelet.fate = () => 'succeeds';
    await eventually(
      'the end of all three',
      () => builders() > 0 && names.every((name) => cluster.find(Builds, name)?.status?.state === 'succeeded'),
      WAIT_MS,
    );
    expect(most).toBe(1);
    await cluster.client.delete(BuildQuotas, `${tenant}/default`);
  });

  it('a full pool shows positions, and everyone gets a turn when there is room', async () => {
    await patchPool({ max: 0 });
    const names = ['full-1', 'full-2', 'full-3'];
    for (const name of names) await createBuild(cluster, name);
    for (const [index, name] of names.entries()) {
      await buildIs(cluster, name, 'a position', ({ queue }) => queue?.position === index);
    }
    await patchPool({ max: 1 });
    for (const name of names) expect((await completed(cluster, name)).state).toBe('succeeded');
    await patchPool({ max: 4 });
  });

  it('a suspended Project starts nothing until it is resumed', async () => {
    await patchProject({ suspend: true });
    await createBuild(cluster, 'suspended');
    await buildIs(cluster, 'suspended', 'the wait', ({ reason }) => reason === 'ProjectSuspended');
    await patchProject({ suspend: false });
    expect((await completed(cluster, 'suspended')).state).toBe('succeeded');
  });

  it('a chroot that leaves its Project ends the Build that asked for it', async () => {
    await patchProject({ chroots: ['pebble-13-x86_64', 'pebble-12-i386'] });
    cluster.kubelet.fate = () => 'runs';
    await createBuild(cluster, 'removed', { chroots: ['pebble-12-i386'] });
    await eventually(
      'a running stage',
      () => stageOf(cluster, 'removed', 'srpm-builds')?.status?.phase === 'Running',
      WAIT_MS,
    );
    await patchProject({ chroots: ['pebble-13-x86_64'] });
    expect(await completed(cluster, 'removed')).toMatchObject({ state: 'failed', reason: 'ChrootNotInProject' });
    await released(cluster, 'removed');
  });
});

describe('a pool whose pods', () => {
  it('the API server refuses fails the build with its words, and pauses', async () => {
    const { client, namespaces } = cluster;
    await patchPool({ suspend: true });
    const resources = { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } };
    await createPool(client, namespaces.builds, 'broken', { pod: { resources } as never });
    await createBuild(cluster, 'refused-pod');
    const status = await completed(cluster, 'refused-pod');
    expect(status).toMatchObject({ state: 'failed', reason: 'PodRefused' });
    expect(status.conditions?.[0]?.message).toContain('must be less than or equal to memory limit');
    const pool = (): object | undefined => cluster.find(BuilderPools, 'broken')?.status;
    await eventually(
      'the pause of the pool',
      () => JSON.stringify(pool()).includes('"reason":"BuildersDoNotStart"'),
      WAIT_MS,
    );
    expect(pool()).toMatchObject({ consecutiveStartFailures: 1, pausedUntil: expect.any(String) });
    await createBuild(cluster, 'patient');
    await buildIs(cluster, 'patient', 'the wait', ({ queue }) => queue?.message?.includes('pauses') === true);
    await patchBuild('patient', { cancelled: true });
    await client.delete(BuilderPools, `${namespaces.builds}/broken`);
    await patchPool({ suspend: false });
  });

  it('do not start in time gives them up and the build another one', async () => {
    await patchPool({ startTimeoutSeconds: 10 });
    cluster.kubelet.fate = (_task, attempt) => (attempt === 1 ? 'waits for a node' : 'succeeds');
    await createBuild(cluster, 'slow');
    await eventually(
      'the second attempt',
      () => stageOf(cluster, 'slow', 'srpm-builds')?.status?.attempt === 2,
      WAIT_MS,
    );
    const first = cluster.list(Builders).find(({ status }) => status?.reason === 'StartTimeout');
    expect(first?.status).toMatchObject({
      phase: 'Lost',
      message: expect.stringContaining('did not start within 10 s'),
    });
    const warn = cluster.find(BuilderPools, 'default')?.status;
    expect(warn).toMatchObject({ consecutiveStartFailures: 1 });
  });
});
