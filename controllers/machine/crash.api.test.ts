import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secrets } from '../../operator/core.ts';
import type { Operator, TestCluster } from '../testing/cluster.ts';
import { startCluster } from '../testing/cluster.ts';
import { createMachinePool, Machine, PROBED, REACHABLE, startMachineOperator } from './testing/life.ts';

/**
 * Step-indexed crashes: the operator dies after its n-th write in the life of a machine, for every n there is. Another
 * one starts and has to lead that life to its end as if nothing had happened: made once, one pod for each stage, one use
 * counted for each, cleaned and deleted, nothing left behind.
 */

const LANES = 2;
const lanes: TestCluster[] = [];

beforeAll(async () => {
  for (let lane = 0; lane < LANES; lane++) {
    const cluster = await startCluster([]);
    lanes.push(cluster);
    cluster.jobs.end = ({ hook }) => {
      if (hook === 'new') return { exitCode: 0, output: REACHABLE };
      return hook === 'probe' ? { exitCode: 0, said: PROBED } : { exitCode: 0 };
    };
    await createMachinePool(cluster, 'cloud', { liveness: { periodSeconds: 1, attempts: 3, timeoutSeconds: 60 } });
  }
});

afterAll(() => Promise.all(lanes.map((cluster) => cluster.stop())));

/** The life of a machine that serves a stage, is lent, and is deleted. Whatever operator there is does its part. */
async function live(cluster: TestCluster, name: string): Promise<Machine> {
  const machine = await Machine.create(cluster, name);
  await machine.is('Ready');
  for (const lent of [false, true]) {
    const ticket = await machine.claim(`${name}-${lent}`, lent);
    if (lent) await machine.is('Running');
    else await machine.sessionIs(ticket, 'Ended');
    await machine.close(ticket);
    await machine.until('to be free', ({ spec, status }) => status?.phase === 'Ready' && spec.ticket === undefined);
  }
  expect(machine.now?.status?.uses).toBe(2);
  await machine.delete();
  await machine.gone();
  return machine;
}

/** Undefined when the life needed fewer writes. */
async function crash(
  cluster: TestCluster,
  doomed: Operator,
  name: string,
  writes: number,
): Promise<Operator | undefined> {
  doomed.blade.arm(writes);
  const before = cluster.kubelet.pods.length;
  const life = live(cluster, name);
  await Promise.race([life, doomed.blade.died]);
  await doomed.stop();
  if (!doomed.blade.dead) return undefined;
  const next = await startMachineOperator(cluster);
  const machine = await life;
  await machine.nothingLeft();
  const when = `after a crash upon write ${writes} (${doomed.blade.log.at(-1)})`;
  const ran = machine.ran.filter((hook) => hook !== 'check');
  expect(ran.slice(0, 2), `hooks ${when}`).toEqual(['new', 'probe']);
  expect(ran.slice(2, 4), `hooks ${when}`).toEqual(['clean', 'clean']);
  expect(new Set(ran.slice(4)), `hooks ${when}`).toEqual(new Set(['delete']));
  expect(cluster.kubelet.pods.length - before, `pods ${when}`).toBe(1);
  expect(cluster.list(Secrets), `Secrets ${when}`).toEqual([]);
  return next;
}

describe('an operator that dies', () => {
  it('after any of its writes leaves a machine whose life the next one leads to its end', async () => {
    let writes = 0;
    let crashes = 0;
    async function run(cluster: TestCluster): Promise<void> {
      let operator: Operator | undefined = await startMachineOperator(cluster);
      while (operator !== undefined) {
        const after = ++writes;
        operator = await crash(cluster, operator, `crash-${after}`, after);
        if (operator !== undefined) crashes++;
      }
    }
    await Promise.all(lanes.map(run));
    expect(crashes).toBeGreaterThan(25);
  }, 600_000);
});
