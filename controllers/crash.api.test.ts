import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

/**
 * The operator dies after its n-th write of a Build; the next one finishes it and is returned. Undefined when the Build
 * needed fewer writes.
 */
async function crash(cluster: TestCluster, doomed: Operator, name: string, writes: number) {
  doomed.blade.arm(writes);
  await createBuild(cluster, name);
  const ended = finished(cluster, name).then(() => true);
  await Promise.race([ended, doomed.blade.died]);
  await doomed.stop();
  if (!doomed.blade.dead) return undefined;
  const next = await cluster.startOperator();
  await ended;
  expectOneOfEverything(cluster, name, `after a crash upon write ${writes} (${doomed.blade.log.at(-1)})`);
  return next;
}

describe('an operator that dies', () => {
  it('after any of its writes leaves a Build that the next one finishes, with one of everything', async () => {
    let writes = 0;
    let crashes = 0;
    async function run(cluster: TestCluster): Promise<void> {
      let operator: Operator | undefined = await prepare(cluster);
      while (operator !== undefined) {
        const after = ++writes;
        operator = await crash(cluster, operator, `crash-${after}`, after);
        if (operator !== undefined) crashes++;
      }
    }
    await Promise.all(lanes.map(run));
    expect(crashes).toBeGreaterThan(40);
  }, 180_000);
});
