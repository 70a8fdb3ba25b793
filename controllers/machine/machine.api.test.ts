import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BuilderPools } from '../../crds/builderpool.ts';
import { Secrets } from '../../operator/core.ts';
import { aHostsPool } from '../hook/testing/objects.ts';
import type { Operator, TestCluster } from '../testing/cluster.ts';
import { startCluster } from '../testing/cluster.ts';
import type { JobEnd } from '../testing/jobs.ts';
import { createMachinePool, Machine, PROBED, REACHABLE, startMachineOperator } from './testing/life.ts';

let cluster: TestCluster;
let operator: Operator;

const WELL: Record<string, JobEnd> = {
  new: { exitCode: 0, output: REACHABLE },
  probe: { exitCode: 0, said: PROBED },
};

beforeAll(async () => {
  cluster = await startCluster([]);
  await createMachinePool(cluster);
  operator = await startMachineOperator(cluster);
});

beforeEach(() => {
  cluster.jobs.end = ({ hook }) => WELL[hook] ?? { exitCode: 0 };
  cluster.kubelet.fate = () => 'succeeds';
});

afterAll(async () => {
  await operator.stop();
  await cluster.stop();
});

describe('a machine on a real API server', { timeout: 180_000 }, () => {
  it('is made, serves two stages of its sandbox with one pod each, is cleaned after each, and deleted', async () => {
    const machine = await Machine.create(cluster, 'm-whole');
    await machine.is('Ready');
    expect(machine.now?.status).toMatchObject({ address: '10.0.0.7:22', user: 'root' });
    for (const stage of ['m-whole-1', 'm-whole-2']) {
      const ticket = await machine.claim(stage);
      await machine.sessionIs(ticket, 'Ended');
      await machine.close(ticket);
      await machine.until('to be free', ({ spec, status }) => status?.phase === 'Ready' && spec.ticket === undefined);
    }
    expect(machine.now?.status).toMatchObject({ uses: 2 });
    expect(machine.now?.spec.sandbox).toBe('demo/hello');
    expect(cluster.list(Secrets)).toEqual([]);
    await machine.delete();
    await machine.gone();
    expect(machine.ran).toEqual(['new', 'probe', 'clean', 'clean', 'delete']);
    expect(cluster.kubelet.pods.filter(({ document }) => document.chroot === 'pebble-13-x86_64')).toHaveLength(2);
    await machine.nothingLeft();
  });

  it('that was lent has no pod, and goes on to its next ticket when the first is closed', async () => {
    const machine = await Machine.create(cluster, 'm-lent');
    await machine.is('Ready');
    const before = cluster.kubelet.pods.length;
    const ticket = await machine.claim('m-lent', true);
    await machine.is('Running');
    await machine.close(ticket);
    await machine.until('to be free', ({ spec, status }) => status?.phase === 'Ready' && spec.ticket === undefined);
    expect(cluster.kubelet.pods).toHaveLength(before);
    await machine.delete();
    await machine.gone();
  });

  it('that cannot be made is deleted by its hook all the same', async () => {
    cluster.jobs.end = ({ hook }) => (hook === 'new' ? { exitCode: 3, said: 'quota exceeded\n' } : { exitCode: 0 });
    const machine = await Machine.create(cluster, 'm-fails');
    await machine.is('Lost');
    expect(machine.now?.status).toMatchObject({
      reason: 'NewFailed',
      message: 'the hook "new" ended with exit code 3: quota exceeded',
    });
    await machine.delete();
    await machine.gone();
    expect(machine.ran).toEqual(['new', 'delete']);
    await machine.nothingLeft();
  });

  it('that is deleted while it is made has "new" ended first, and "delete" run after it', async () => {
    cluster.jobs.end = ({ hook }) => (hook === 'new' ? 'runs' : { exitCode: 0 });
    const machine = await Machine.create(cluster, 'm-half');
    await machine.until('to be made', ({ status }) => status?.reason === 'Making' && machine.ran.includes('new'));
    await machine.delete();
    await machine.gone();
    expect(machine.ran).toEqual(['new', 'delete']);
    await machine.nothingLeft();
  });

  it('whose deletion fails stays, says why, and is deleted at last', async () => {
    cluster.jobs.end = ({ hook }, earlier) =>
      hook === 'delete' && earlier === 0 ? { exitCode: 1, said: 'API is down\n' } : (WELL[hook] ?? { exitCode: 0 });
    const machine = await Machine.create(cluster, 'm-stays');
    await machine.is('Ready');
    await machine.delete();
    await machine.until('to say so', ({ status }) => status?.deleteAttempts === 1);
    expect(machine.now?.status).toMatchObject({ phase: 'Deleting', reason: 'DeleteFailed' });
    expect(machine.now?.status?.message).toContain('ended with exit code 1: API is down');
    await machine.gone();
    expect(machine.ran).toEqual(['new', 'probe', 'delete', 'delete']);
  });

  it('that is not clean after its use is lost, and never given to anybody', async () => {
    cluster.jobs.end = ({ hook }) =>
      hook === 'clean' ? { exitCode: 1, said: 'still mounted\n' } : (WELL[hook] ?? { exitCode: 0 });
    const machine = await Machine.create(cluster, 'm-dirty');
    await machine.is('Ready');
    const ticket = await machine.claim('m-dirty');
    await machine.sessionIs(ticket, 'Ended');
    await machine.close(ticket);
    await machine.is('Lost');
    expect(machine.now?.status?.reason).toBe('ReleaseFailed');
    expect(machine.now?.spec.ticket?.uid).toBe(ticket.metadata.uid);
    await machine.delete();
    await machine.gone();
  });

  it('that dies under a stage takes the session with it', async () => {
    await createMachinePool(cluster, 'frail', {
      liveness: { periodSeconds: 1, attempts: 2, timeoutSeconds: 5 },
    });
    cluster.kubelet.fate = () => 'runs';
    cluster.jobs.end = ({ hook }) =>
      hook === 'check' ? { exitCode: 21, said: 'no route to host\n' } : (WELL[hook] ?? { exitCode: 0 });
    const machine = await Machine.create(cluster, 'm-dies', { pool: 'frail' });
    await machine.is('Ready');
    const ticket = await machine.claim('m-dies');
    await machine.sessionIs(ticket, 'Lost');
    expect(machine.now?.status).toMatchObject({
      phase: 'Lost',
      reason: 'MachineLost',
      failedChecks: 2,
      session: { reason: 'MachineLost' },
    });
    await machine.delete();
    await machine.gone();
    await machine.nothingLeft();
  });

  it('stays until there is a pool again that can delete it', async () => {
    await createMachinePool(cluster, 'fleeting');
    const machine = await Machine.create(cluster, 'm-orphan', { pool: 'fleeting' });
    await machine.is('Ready');
    await cluster.client.delete(BuilderPools, `${cluster.namespaces.builds}/fleeting`);
    await machine.delete();
    await machine.until('to say what is missing', ({ status }) => status?.reason === 'DeleteBlocked');
    expect(machine.now?.metadata.finalizers).toEqual(['kopr.dev/machine']);
    await createMachinePool(cluster, 'fleeting');
    await machine.gone();
    expect(machine.ran.at(-1)).toBe('delete');
  });

  it('is deleted by its hook although somebody deletes it in the foreground', async () => {
    const machine = await Machine.create(cluster, 'm-front');
    await machine.is('Ready');
    await machine.delete('Foreground');
    await machine.gone();
    expect(machine.ran.at(-1)).toBe('delete');
  });

  it('of an inventory is cleaned before and after its use, and made by no hook', async () => {
    await cluster.client.create(BuilderPools, {
      metadata: { name: 'rack', namespace: cluster.namespaces.builds },
      spec: { ...aHostsPool().spec, reuse: { waitSeconds: 600, maxUses: 0, maxSeconds: 0 } },
    });
    const spec = { pool: 'rack', machine: { index: 0, host: 'm1', slot: 1 } };
    const machine = await Machine.create(cluster, 'rack-m1-1', spec);
    await machine.is('Ready');
    expect(machine.now?.status).toMatchObject({ address: 'm1.example:22' });
    const ticket = await machine.claim('m-host');
    await machine.sessionIs(ticket, 'Ended');
    await machine.close(ticket);
    await machine.until('to be free', ({ status, spec: { ticket: claim } }) => status?.phase === 'Ready' && !claim);
    await machine.delete();
    await machine.gone();
    // Deleting it is cleaning it once more: what comes next on the same slot is another sandbox.
    const again = await Machine.create(cluster, 'rack-m1-1', spec);
    await again.is('Ready');
    expect(again.now?.spec.sandbox).toBeUndefined();
    await again.delete();
    await again.gone();
    const once = ['probe', 'clean', 'clean', 'clean'];
    expect(machine.ran).toEqual([...once, 'probe', 'clean', 'clean']);
    await again.nothingLeft();
  });
});
