import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BuildStatus } from '../crds/build.ts';
import { Builds } from '../crds/build.ts';
import { Builders } from '../crds/builder.ts';
import { eventually } from '../operator/testing/harness.ts';
import { createMachineChroot, MACHINE_CHROOT } from './machine/testing/chroot.ts';
import { createMachinePool, PROBED, REACHABLE } from './machine/testing/life.ts';
import { buildOf, completed as endOf, released, stageOf } from './testing/await.ts';
import type { TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createProject } from './testing/create.ts';
import type { JobEnd } from './testing/jobs.ts';

/** Whole Builds on machines, with every controller: pools that make machines, the scheduler, and the stages. */

const CHROOT = MACHINE_CHROOT;
const WELL: Record<string, JobEnd> = {
  new: { exitCode: 0, output: REACHABLE },
  probe: { exitCode: 0, said: PROBED },
};

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
  cluster.jobs.end = ({ hook }) => WELL[hook] ?? { exitCode: 0 };
  await createMachineChroot(cluster.client);
  await createMachinePool(cluster, 'cloud', { max: 3, preallocated: 1 });
  await cluster.startOperator();
  for (const name of ['hello', 'other']) await createProject(cluster, name, { chroots: [CHROOT] });
});

afterEach(() => {
  cluster.jobs.end = ({ hook }) => WELL[hook] ?? { exitCode: 0 };
  cluster.kubelet.fate = () => 'succeeds';
});

afterAll(() => cluster?.stop());

/** A Build on a machine has a dozen Jobs and pods around it, on two busy cores. */
const WAIT_MS = 60_000;

function completed(of: TestCluster, name: string): Promise<BuildStatus> {
  return endOf(of, name, WAIT_MS);
}

function machineOf(build: string): string | undefined {
  return stageOf(cluster, build, CHROOT)?.status?.builder;
}

function runs(hook: string): string[] {
  return cluster.jobs.runs.filter((run) => run.hook === hook).map(({ machine }) => machine);
}

async function machineIsFree(name: string | undefined): Promise<void> {
  await eventually(
    `machine ${name} to be free`,
    () => {
      const machine = cluster.find(Builders, name ?? '');
      return machine?.status?.phase === 'Ready' && machine.spec.ticket === undefined;
    },
    WAIT_MS,
  );
}

describe('a Build in a chroot without an image', { timeout: 180_000 }, () => {
  it('is built on a machine, which its project then uses again', async () => {
    await createBuild(cluster, 'first');
    expect(await completed(cluster, 'first')).toMatchObject({ state: 'succeeded', reason: 'Published' });
    const machine = machineOf('first');
    expect(machine).toMatch(/^cloud-\d{8}$/);
    await machineIsFree(machine);
    await createBuild(cluster, 'second');
    expect(await completed(cluster, 'second')).toMatchObject({ state: 'succeeded' });
    expect(machineOf('second')).toBe(machine);
    await machineIsFree(machine);
    expect(runs('clean')).toEqual([machine, machine]);
    await released(cluster, 'second');
  });

  it('gets another machine in another sandbox', async () => {
    await createBuild(cluster, 'mine');
    await completed(cluster, 'mine');
    await createBuild(cluster, 'theirs', { project: 'other' });
    expect(await completed(cluster, 'theirs')).toMatchObject({ state: 'succeeded' });
    expect(machineOf('theirs')).not.toBe(machineOf('mine'));
  });

  it('ends elsewhere when the driver loses its machine, which is deleted', async () => {
    cluster.kubelet.fate = (task, attempt) =>
      task.chroot === CHROOT && attempt === 1 ? 'loses its machine' : 'succeeds';
    await createBuild(cluster, 'lost');
    await eventually(
      'the first attempt',
      () => stageOf(cluster, 'lost', CHROOT)?.status?.builder !== undefined,
      WAIT_MS,
    );
    const first = machineOf('lost') ?? '';
    expect(await completed(cluster, 'lost')).toMatchObject({ state: 'succeeded' });
    expect(stageOf(cluster, 'lost', CHROOT)?.status?.attempt).toBe(2);
    expect(machineOf('lost')).not.toBe(first);
    await eventually(`the end of machine ${first}`, () => cluster.find(Builders, first) === undefined, WAIT_MS);
    expect(runs('delete')).toContain(first);
  });

  it('is given up on its machine when it is cancelled', async () => {
    cluster.kubelet.fate = (task) => (task.chroot === CHROOT ? 'runs' : 'succeeds');
    await createBuild(cluster, 'stopped');
    await eventually(
      'the build to run',
      () => stageOf(cluster, 'stopped', CHROOT)?.status?.phase === 'Running',
      WAIT_MS,
    );
    const machine = machineOf('stopped');
    const { metadata } = buildOf(cluster, 'stopped') ?? { metadata: { namespace: '', name: '' } };
    await cluster.client.mergePatch(Builds, `${metadata.namespace}/${metadata.name}`, {
      spec: { cancelled: true },
    });
    expect(await completed(cluster, 'stopped')).toMatchObject({ state: 'canceled' });
    await machineIsFree(machine);
    expect(runs('clean')).toContain(machine);
  });
});
