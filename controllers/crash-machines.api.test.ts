import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Builders, isMachine } from '../crds/builder.ts';
import { BuilderPools } from '../crds/builderpool.ts';
import { Jobs, Pods, Secrets } from '../operator/core.ts';
import { eventually } from '../operator/testing/harness.ts';
import { createMachineChroot, MACHINE_CHROOT } from './machine/testing/chroot.ts';
import { createMachinePool, PROBED, REACHABLE } from './machine/testing/life.ts';
import type { Operator, TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createProject } from './testing/create.ts';
import { ended, expectOneOfEverything } from './testing/once.ts';

/**
 * As the sweep of Builds in pods, with machines: the operator dies after its n-th write of a Build that is built on a
 * machine, which is made for it and deleted after it. Each write in the life of a machine alone is swept elsewhere, so
 * every fifth one has to do here.
 */

const LANES = 2;
const STRIDE = 5;
const WAIT_MS = 60_000;

const lanes: TestCluster[] = [];

beforeAll(async () => {
  for (let lane = 0; lane < LANES; lane++) {
    const cluster = await startCluster();
    lanes.push(cluster);
    cluster.jobs.end = ({ hook }) => {
      if (hook === 'new') return { exitCode: 0, output: REACHABLE };
      return hook === 'probe' ? { exitCode: 0, said: PROBED } : { exitCode: 0 };
    };
    await createMachineChroot(cluster.client);
    const reuse = { waitSeconds: 0, maxUses: 0, maxSeconds: 0 };
    await createMachinePool(cluster, 'cloud', { max: 3, preallocated: 1, reuse });
    await createProject(cluster, 'hello', { chroots: [MACHINE_CHROOT] });
  }
});

afterAll(() => Promise.all(lanes.map((cluster) => cluster.stop())));

/** Undefined when the Build needed fewer writes. */
async function crash(
  cluster: TestCluster,
  doomed: Operator,
  name: string,
  writes: number,
): Promise<Operator | undefined> {
  doomed.blade.arm(writes);
  await createBuild(cluster, name);
  const end = ended(cluster, name);
  await Promise.race([end, doomed.blade.died]);
  if (!doomed.blade.dead) {
    await end;
    return undefined;
  }
  await doomed.stop();
  const next = await cluster.startOperator();
  await end;
  const when = `after a crash upon write ${writes} (${doomed.blade.log.at(-1)})`;
  expectOneOfEverything(cluster, name, when, MACHINE_CHROOT);
  expect(madeTwice(cluster), `machines made twice ${when}`).toEqual([]);
  return next;
}

function machinesThatRan(cluster: TestCluster, hook: string): string[] {
  return cluster.jobs.runs.filter((run) => run.hook === hook).map(({ machine }) => machine);
}

function madeTwice(cluster: TestCluster): string[] {
  const made = machinesThatRan(cluster, 'new');
  return made.filter((name, index) => made.indexOf(name) !== index);
}

/** The pool gives up all its machines; then nothing is left, and every one that was made was deleted. */
async function drain(cluster: TestCluster): Promise<void> {
  const { builds } = cluster.namespaces;
  await cluster.client.mergePatch(BuilderPools, `${builds}/cloud`, { spec: { suspend: true } });
  const left = (): string[] =>
    [
      ...cluster.list(Builders).filter(isMachine),
      ...cluster.list(Jobs),
      ...cluster.list(Pods),
      ...cluster.list(Secrets),
    ].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  try {
    await eventually('that nothing is left', () => left().length === 0, WAIT_MS);
  } catch (error) {
    throw new Error(`left: ${left().join(', ')}`, { cause: error });
  }
  const deleted = new Set(machinesThatRan(cluster, 'delete'));
  expect(machinesThatRan(cluster, 'new').filter((name) => !deleted.has(name))).toEqual([]);
}

describe('an operator that dies', () => {
  it('leaves neither Build nor machine behind, whichever of its writes was the last', async () => {
    let writes = 1 - STRIDE;
    let crashes = 0;
    async function run(cluster: TestCluster): Promise<void> {
      let operator: Operator | undefined = await cluster.startOperator();
      for (;;) {
        writes += STRIDE;
        const after = writes;
        const next: Operator | undefined = await crash(cluster, operator, `crash-${after}`, after);
        if (next === undefined) break;
        operator = next;
        crashes++;
      }
      operator.blade.arm(Number.POSITIVE_INFINITY);
      await drain(cluster);
    }
    await Promise.all(lanes.map(run));
    expect(crashes).toBeGreaterThan(10);
  }, 600_000);
});
