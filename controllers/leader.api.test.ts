import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Leases } from '../operator/core.ts';
import { eventually } from '../operator/testing/harness.ts';
import { Blade } from './testing/blade.ts';
import type { Operator, TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createProject } from './testing/create.ts';
import { expectOneOfEverything, finished } from './testing/once.ts';

/** Shorter than in earnest, yet so long that a process on a busy machine renews its lease in time. */
const ELECTION = { leaseMs: 6_000, renewDeadlineMs: 4_000, retryMs: 250 };
/** Of each wait. They end when what they wait for is there; this only bounds them. */
const WAIT_MS = 40_000;
const TEST_MS = 180_000;

let cluster: TestCluster;
const lost: string[] = [];

beforeAll(async () => {
  cluster = await startCluster([{ name: 'one' }, { name: 'two' }]);
  await createProject(cluster, 'hello', { chroots: ['pebble-13-x86_64'] });
});

afterAll(() => cluster?.stop());

const replicas: Operator[] = [];

// A test that fails half-way must leave neither a leader nor pods that never end behind for the next one.
afterEach(async () => {
  cluster.kubelet.fate = () => 'succeeds';
  await Promise.all(replicas.splice(0).map((replica) => replica.stop().catch(() => undefined)));
  lost.length = 0;
});

async function startReplica(blade = new Blade(), identity: string = randomUUID()): Promise<Operator> {
  const leaderElection = { ...ELECTION, identity, onLost: () => void lost.push(identity) };
  const replica = await cluster.startOperator({ blade, leaderElection });
  replicas.push(replica);
  return replica;
}

async function leads(operator: Operator): Promise<void> {
  await eventually('the election', () => operator.manager.isLeading(), WAIT_MS);
}

async function holder(): Promise<string | undefined> {
  return (await cluster.client.get(Leases, `${cluster.namespaces.release}/kopr-operator`))?.spec?.holderIdentity;
}

describe('two replicas of the operator', { timeout: TEST_MS }, () => {
  it('of which only one leads: the other one writes nothing', async () => {
    const first = await startReplica();
    await leads(first);
    const second = await startReplica();
    await createBuild(cluster, 'peaceful');
    await finished(cluster, 'peaceful');
    expectOneOfEverything(cluster, 'peaceful', 'with two replicas');
    expect(second.manager.isLeading()).toBe(false);
    expect(second.blade.log).toEqual([]);
    await second.stop();
    await first.stop();
  });

  it('hand over at once when the leader is stopped in an orderly way', async () => {
    const first = await startReplica(new Blade(), 'the first');
    await leads(first);
    const second = await startReplica();
    cluster.kubelet.fate = () => 'runs';
    const before = cluster.kubelet.pods.length;
    await createBuild(cluster, 'handed-over');
    await eventually('a running builder', () => cluster.kubelet.pods.length > before, WAIT_MS);
    await first.stop();
    // Given back: nobody has to wait for the lease to end by itself.
    expect(await holder()).not.toBe('the first');
    await leads(second);
    expect(lost).toEqual([]);
    cluster.kubelet.fate = () => 'succeeds';
    await finished(cluster, 'handed-over');
    expectOneOfEverything(cluster, 'handed-over', 'after a handover');
    await second.stop();
  });

  it.each([3, 12, 25, 40])('finish a Build whose leader was killed after %i writes of it', async (writes) => {
    const blade = new Blade(writes);
    const first = await startReplica(blade);
    await leads(first);
    const second = await startReplica();
    const name = `killed-${writes}`;
    await createBuild(cluster, name);
    await eventually('the death of the leader', () => blade.dead, WAIT_MS);
    await finished(cluster, name);
    expectOneOfEverything(cluster, name, `after the leader died upon write ${writes}`);
    expect(second.manager.isLeading()).toBe(true);
    await eventually('the end of the first process', () => lost.length > 0, WAIT_MS);
    await second.stop();
    await first.stop();
    lost.length = 0;
  });
});
