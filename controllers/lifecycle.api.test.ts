import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BuildStatus } from '../crds/build.ts';
import { Builds } from '../crds/build.ts';
import { ChrootBuilds } from '../crds/chrootbuild.ts';
import { Projects } from '../crds/project.ts';
import { Events } from '../operator/core.ts';
import { eventually } from '../operator/testing/harness.ts';
import { buildIs, buildOf, completed as endOf, released, stageOf, WAIT_MS } from './testing/await.ts';
import type { TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { CHROOTS, createBuild, createProject } from './testing/create.ts';
import type { Fate, PodSighting } from './testing/kubelet.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
  await cluster.startOperator();
  await createProject(cluster);
});

afterEach(() => {
  cluster.kubelet.fate = () => 'succeeds';
  cluster.standins.faults.clear();
  cluster.standins.distgit.exclusiveArch = [];
});

afterAll(() => cluster?.stop());

function completed(name: string): Promise<BuildStatus> {
  return endOf(cluster, name);
}

/** Pods that ran for a Build. */
function podsOf(name: string): PodSighting[] {
  const id = buildOf(cluster, name)?.status?.id;
  return cluster.kubelet.pods.filter(({ document }) => document.build === id);
}

function condition(status: BuildStatus, type: string): string | undefined {
  return status.conditions?.find((each) => each.type === type)?.status;
}

/** Binary stages of one chroot meet this fate, everything else succeeds. */
function fateOf(chroot: string, fate: Fate | ((attempt: number) => Fate)): void {
  cluster.kubelet.fate = (task, attempt) => {
    if (task.chroot !== chroot) return 'succeeds';
    return typeof fate === 'string' ? fate : fate(attempt);
  };
}

describe('a Build on a real API server', () => {
  it('becomes published packages, and leaves nothing behind', async () => {
    await createBuild(cluster, 'good');
    const status = await completed('good');
    expect(status).toMatchObject({
      state: 'succeeded',
      reason: 'Published',
      packageVersion: 'hello-2.12-1',
      chrootSummary: '2/2',
      source: { srpm: 'hello-2.12-1.src.rpm' },
    });
    expect([condition(status, 'Complete'), condition(status, 'Succeeded')]).toEqual(['True', 'True']);
    expect(status.chroots?.map(({ name, state }) => [name, state])).toEqual(CHROOTS.map((name) => [name, 'succeeded']));
    await released(cluster, 'good');
    const stages = cluster.list(ChrootBuilds).filter(({ spec }) => spec.build === 'good');
    expect(stages.map((stage) => stage.status?.phase)).toEqual(['Succeeded', 'Succeeded', 'Succeeded']);
    expect(podsOf('good')).toHaveLength(3);
  });

  it('tells its story in events', async () => {
    const { items } = await cluster.client.list(Events, { namespace: cluster.namespaces.tenant });
    const ofBuild = items.filter(({ regarding }) => regarding.kind === 'Build' && regarding.name === 'good');
    expect(ofBuild.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['Queued', 'Published']));
  });

  it('updates the counts and generations of its Project', async () => {
    await eventually(
      'the generation in the status of the Project',
      () => cluster.find(Projects, 'hello')?.status?.chroots?.every(({ generation }) => generation === 1) === true,
      WAIT_MS,
    );
    // Told at a pace: some seconds later.
    await eventually(
      'the counts in the status of the Project',
      () => {
        const { total, active, succeeded } = cluster.find(Projects, 'hello')?.status?.builds ?? {};
        return total === 1 && active === 0 && succeeded === 1;
      },
      WAIT_MS,
    );
  });

  it('tells its builders what to build and from where', () => {
    const binary = podsOf('good').find(({ document }) => document.chroot === 'pebble-12-i386')?.document;
    expect(binary?.binary).toMatchObject({
      packageName: 'hello',
      architecture: 'i386',
      repoURL: `http://distgit.example:5001/git/${cluster.namespaces.tenant}/hello/hello`,
    });
  });

  it('shares the builders with others and gets a number of its own', async () => {
    const names = ['many-1', 'many-2', 'many-3'];
    await Promise.all(names.map((name) => createBuild(cluster, name)));
    const ids = await Promise.all(names.map(async (name) => (await completed(name)).id));
    expect(new Set(ids).size).toBe(3);
  });

  it('fails when one chroot does, after the others have ended', async () => {
    fateOf('pebble-12-i386', 'fails');
    await createBuild(cluster, 'bad');
    const status = await completed('bad');
    expect(status).toMatchObject({ state: 'failed', reason: 'BuildFailed' });
    expect(status.chroots?.map(({ state }) => state)).toEqual(['succeeded', 'failed']);
    expect(cluster.standins.publisher.ofBuild(status.id ?? 0)).toHaveLength(3);
    await released(cluster, 'bad');
  });

  it('fails with the words of its source stage', async () => {
    fateOf('srpm-builds', 'fails');
    await createBuild(cluster, 'bad-source');
    const status = await completed('bad-source');
    expect(status).toMatchObject({ state: 'failed', reason: 'BuildFailed' });
    expect(podsOf('bad-source')).toHaveLength(1);
  });

  it.each([
    { who: 'publisher', match: /PUT .*publications/, status: 422, code: 'BadPackage' },
    { who: 'publisher', match: /PUT .*publications/, status: 409, code: 'DirectoryInUse' },
    { who: 'publisher', match: /PUT .*publications/, status: 410, code: 'ProjectDeleted' },
    { who: 'distgit', match: /PUT .*imports/, status: 410, code: 'ProjectDeleted' },
  ])('fails at once with the words of a $who that says $code', async ({ who, match, status, code }) => {
    const name = `refused-by-${who}-${status}`;
    cluster.standins.faults.add({ match, action: { status, code } });
    await createBuild(cluster, name);
    expect(await completed(name)).toMatchObject({ state: 'failed', reason: code });
  });

  it('skips the chroots that its spec excludes', async () => {
    cluster.standins.distgit.exclusiveArch = ['x86_64'];
    await createBuild(cluster, 'exclusive');
    const status = await completed('exclusive');
    expect(status).toMatchObject({ state: 'succeeded', chrootSummary: '2/2' });
    expect(status.chroots?.map(({ state }) => state)).toEqual(['succeeded', 'skipped']);
  });

  it('rides out services that fail, lose replies and take their time, and is published once', async () => {
    const { faults, publisher, distgit } = cluster.standins;
    faults.add({ match: /GET .*tasks/, action: 'reset' });
    faults.add({ match: /PUT .*publications/, action: 'lost reply', times: 2 });
    faults.add({ match: /PUT .*publications/, action: 'working', times: 2 });
    faults.add({ match: /PUT .*imports/, action: { status: 503 } });
    faults.add({ match: /PUT .*imports/, action: 'lost reply' });
    faults.add({ match: /PUT .*imports/, action: 'working', times: 2 });
    await createBuild(cluster, 'stormy');
    const { id = 0, state } = await completed('stormy');
    expect(state).toBe('succeeded');
    expect(publisher.ofBuild(id)).toHaveLength(3);
    expect(distgit.ofBuild(id)).toHaveLength(1);
    expect(podsOf('stormy')).toHaveLength(3);
  });

  it('waits for the Build that it comes after', async () => {
    fateOf('srpm-builds', 'runs');
    await createBuild(cluster, 'second', { after: ['first'] });
    await buildIs(cluster, 'second', 'a wait', ({ reason }) => reason === 'AfterBuildNotFound');
    await createBuild(cluster, 'first');
    await buildIs(cluster, 'second', 'a wait', ({ reason }) => reason === 'AfterBuild');
    cluster.kubelet.fate = () => 'succeeds';
    const [first, second] = [await completed('first'), await completed('second')];
    expect((second.startedAt ?? '') >= (first.completedAt ?? 'z')).toBe(true);
  });

  it('may be created before its Project', async () => {
    await createBuild(cluster, 'early', { project: 'late' });
    await buildIs(cluster, 'early', 'a wait', ({ reason }) => reason === 'ProjectNotFound');
    await createProject(cluster, 'late', { chroots: ['pebble-13-x86_64'] });
    expect(await completed('early')).toMatchObject({ state: 'succeeded', chrootSummary: '1/1' });
  });
});

describe('a lost builder', () => {
  it.each(['vanishes', 'is evicted', 'sends nothing'] as const)(
    'that %s is replaced, and the build succeeds',
    async (fate) => {
      const name = `lost-${fate.replaceAll(' ', '-')}`;
      fateOf('pebble-13-x86_64', (attempt) => (attempt === 1 ? fate : 'succeeds'));
      await createBuild(cluster, name, { chroots: ['pebble-13-x86_64'] });
      const { state, id = 0 } = await completed(name);
      expect(state).toBe('succeeded');
      expect(podsOf(name).map(({ document }) => [document.chroot, Number(document.task.split('.')[1])])).toEqual([
        ['srpm-builds', 1],
        ['pebble-13-x86_64', 1],
        ['pebble-13-x86_64', 2],
      ]);
      expect(cluster.standins.publisher.ofBuild(id)).toHaveLength(2);
      const lost = podsOf(name).find(({ task, document }) => document.chroot !== 'srpm-builds' && task.endsWith('.1'));
      expect([...cluster.standins.publisher.forgotten]).toContain(lost?.task);
      await released(cluster, name);
    },
  );

  it('that had sent everything before is not missed', async () => {
    fateOf('pebble-13-x86_64', 'succeeds and vanishes');
    await createBuild(cluster, 'just-in-time', { chroots: ['pebble-13-x86_64'] });
    expect((await completed('just-in-time')).state).toBe('succeeded');
    expect(podsOf('just-in-time')).toHaveLength(2);
  });

  it('is replaced twice; then the stage fails', async () => {
    fateOf('pebble-13-x86_64', 'vanishes');
    await createBuild(cluster, 'hopeless', { chroots: ['pebble-13-x86_64'] });
    const status = await completed('hopeless');
    expect(status).toMatchObject({ state: 'failed', reason: 'BuilderLost' });
    expect(status.chroots?.[0]?.message).toContain('lost 3 builders');
    expect(podsOf('hopeless')).toHaveLength(4);
    await released(cluster, 'hopeless');
  });

  it.each([
    { fate: 'runs out of memory', name: 'greedy', reason: 'OutOfMemory' },
    { fate: 'has its directory in use', name: 'displaced', reason: 'DirectoryInUse' },
  ] as const)('that $fate is not replaced, since another one would end alike', async ({ fate, name, reason }) => {
    fateOf('pebble-13-x86_64', fate);
    await createBuild(cluster, name, { chroots: ['pebble-13-x86_64'] });
    expect(await completed(name)).toMatchObject({ state: 'failed', reason });
    expect(podsOf(name)).toHaveLength(2);
    await released(cluster, name);
  });
});

describe('a Build that is deleted while it runs', () => {
  it.each(['Background', 'Foreground'] as const)(
    'has the token of its builder refused, whatever the publisher does (%s)',
    async (propagationPolicy) => {
      const name = `deleted-${propagationPolicy.toLowerCase()}`;
      fateOf('pebble-13-x86_64', 'runs');
      await createBuild(cluster, name, { chroots: ['pebble-13-x86_64'] });
      const stage = () => stageOf(cluster, name, 'pebble-13-x86_64');
      await eventually('a running stage', () => stage()?.status?.phase === 'Running', WAIT_MS);
      const task = podsOf(name).find(({ document }) => document.chroot === 'pebble-13-x86_64')?.task ?? '';
      const { publisher, faults } = cluster.standins;
      faults.add({ match: /DELETE .*tasks/, action: { status: 503 } });
      await cluster.client.delete(Builds, `${cluster.namespaces.tenant}/${name}`, { propagationPolicy });
      await eventually('the refusal of its token', () => publisher.forgotten.has(task), WAIT_MS);
      await released(cluster, name);
    },
  );
});
