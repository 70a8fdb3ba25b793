import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Blade } from './testing/blade.ts';
import type { Operator, TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createProject } from './testing/create.ts';
import { expectOneOfEverything, finished } from './testing/once.ts';

/**
 * Step-indexed crashes: the operator dies after its n-th write of a Build, for every n there is. Another one starts and
 * has to finish the Build as if nothing had happened: one number, one Builder and one pod for each attempt, one import,
 * one publication for each stage, nothing left behind.
 */

/** Clusters of their own, side by side. */
const LANES = 2;
const TWO_POOLS = [{ name: 'one' }, { name: 'two' }];

const lanes: TestCluster[] = [];

beforeAll(async () => {
  for (let lane = 0; lane < LANES; lane++) lanes.push(await startCluster(TWO_POOLS));
});

afterAll(() => Promise.all(lanes.map((cluster) => cluster.stop())));

async function prepare(cluster: TestCluster): Promise<Operator> {
  const operator = await cluster.startOperator();
  await createProject(cluster, 'hello', { chroots: ['pebble-13-x86_64'] });
  await createBuild(cluster, 'warm-up');
  await finished(cluster, 'warm-up');
  return operator;
}

/** An operator dies after its n-th write; the next one finishes. False when the Build was finished before that. */
async function crash(cluster: TestCluster, name: string, writes: number): Promise<boolean> {
  const doomed = await cluster.startOperator({ blade: new Blade(writes) });
  await createBuild(cluster, name);
  const ended = finished(cluster, name).then(() => true);
  const early = await Promise.race([ended, doomed.blade.died.then(() => false)]);
  await doomed.stop();
  if (early && !doomed.blade.dead) return false;
  const next = await cluster.startOperator();
  await ended;
  await next.stop();
  const last = doomed.blade.log.at(-1) ?? 'nothing';
  expectOneOfEverything(cluster, name, `after a crash upon write ${writes} (${last})`);
  return true;
}

describe('an operator that dies', () => {
  it('after any of its writes leaves a Build that the next one finishes, with one of everything', async () => {
    const operators = await Promise.all(lanes.map(prepare));
    await Promise.all(operators.map((operator) => operator.stop()));
    let next = 0;
    let crashes = 0;
    async function run(cluster: TestCluster): Promise<void> {
      for (;;) {
        const writes = ++next;
        if (!(await crash(cluster, `crash-${writes}`, writes))) return;
        crashes++;
      }
    }
    await Promise.all(lanes.map(run));
    expect(crashes).toBeGreaterThan(40);
  }, 180_000);
});
