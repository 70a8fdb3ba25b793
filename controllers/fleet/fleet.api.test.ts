import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition } from '../../operator/conditions.ts';
import { keyOf, resourcePath } from '../../operator/resource.ts';
import { COMMAND, HOST_KEY, SSH } from '../hook/testing/objects.ts';
import { machineState } from '../shared/machines.ts';
import type { Site } from './testing/site.ts';
import { startSite } from './testing/site.ts';

let site: Site;

beforeAll(async () => {
  site = await startSite();
  await site.startOperator();
});

afterEach(() => {
  site.machines.fate = () => 'starts';
  site.machines.deletes = true;
});

afterAll(() => site?.stop());

function cloud(spec: Partial<BuilderPool['spec']> = {}): Partial<BuilderPool['spec']> {
  return { command: COMMAND, ssh: SSH, architectures: ['x86_64'], preallocated: 0, max: 5, maxStarting: 5, ...spec };
}

function names(pool: string): string[] {
  return site.machinesOf(pool).map(({ metadata }) => metadata.name);
}

function states(pool: string): string[] {
  return site.machinesOf(pool).map(machineState);
}

function ready(pool: string): Condition | undefined {
  return findCondition(site.pool(pool)?.status?.conditions as Condition[] | undefined, 'Ready');
}

async function has(pool: string, ...wanted: string[]): Promise<void> {
  await site.until(`${wanted.join(', ')} in pool ${pool}`, () => states(pool).join() === wanted.join());
}

function scale(pool: string, replicas: number): Promise<{ status: { replicas: number } }> {
  const path = resourcePath(BuilderPools, { namespace: site.builds, name: pool, subresource: 'scale' });
  const contentType = 'application/merge-patch+json';
  return site.client.request({ method: 'PATCH', path, contentType, body: { spec: { replicas } } });
}

describe('a pool of machines on a real API server', { timeout: 180_000 }, () => {
  it('keeps some ready, says so, and can be scaled', async () => {
    await site.createPool('kept', cloud({ preallocated: 3 }));
    await has('kept', 'Free', 'Free', 'Free');
    expect(names('kept')).toEqual(['kept-00000001', 'kept-00000002', 'kept-00000003']);
    expect(site.pool('kept')?.metadata.finalizers).toEqual(['kopr.dev/builders']);
    await site.until('the counts', () => site.pool('kept')?.status?.free === 3);
    expect(site.pool('kept')?.status).toMatchObject({
      usage: '3/5',
      machinesMade: 3,
      statistics: { startSeconds: 1, startSuccessPercent: 100 },
    });
    const shown = [
      'kopr_builders{pool="kept",arch="x86_64",state="free"} 3',
      'kopr_builder_start_seconds_count{pool="kept"} 3',
    ];
    await site.until('the metrics', async () => {
      const metrics = await site.metrics();
      return shown.every((line) => metrics.includes(line));
    });

    expect((await scale('kept', 1)).status.replicas).toBe(3);
    await has('kept', 'Free');
    expect(names('kept')).toEqual(['kept-00000003']);
    await scale('kept', 2);
    await has('kept', 'Free', 'Free');
    expect(names('kept')).toEqual(['kept-00000003', 'kept-00000004']);
    await scale('kept', 0);
    await has('kept');
    await site.until('the reason', () => ready('kept')?.reason === 'ScaledToZero');
  });

  it('makes machines for tickets, and removes them when they are gone', async () => {
    await site.createPool(
      'grown',
      cloud({ tags: [{ name: 'grown', priority: 0 }], reuse: { waitSeconds: 600, maxUses: 2, maxSeconds: 0 } }),
    );
    const [first, second] = [await site.wait('g1', { tags: ['grown'] }), await site.wait('g2', { tags: ['grown'] })];
    await has('grown', 'Free', 'Free');
    const [machine] = site.machinesOf('grown');
    if (machine === undefined) throw new Error('there is one');
    await site.claim(machine, first);
    await site.until('the owner', () => site.pool('grown')?.status?.owners?.[0]?.name === 'demo');
    await site.client.delete(BuilderTickets, keyOf(second));
    await has('grown', 'Running');
    await site.release(machine.metadata.name);
    await has('grown', 'Reserved');
    const third = await site.wait('g3', { tags: ['grown'] });
    await site.claim(machine, third);
    await site.release(machine.metadata.name);
    // It was to be used twice.
    await has('grown');
    expect(site.machines.cloud.has(machine.metadata.name)).toBe(false);
  });

  it('drains while it is suspended: nothing is taken from a build', async () => {
    await site.createPool('drained', cloud({ preallocated: 2, tags: [{ name: 'drained', priority: 0 }] }));
    await has('drained', 'Free', 'Free');
    const [machine] = site.machinesOf('drained');
    if (machine === undefined) throw new Error('there is one');
    await site.claim(machine, await site.wait('d1', { tags: ['drained'] }));
    await site.patchPool('drained', { suspend: true });
    await has('drained', 'Running');
    await site.until('the reason', () => ready('drained')?.message.includes('1 are in use') === true);
    await site.release(machine.metadata.name);
    await has('drained');
    await site.patchPool('drained', { suspend: false });
    await has('drained', 'Free', 'Free');
  });

  it('pauses when its machines do not start, and leaves none behind', async () => {
    site.machines.fate = ({ spec }) => (spec.pool === 'failing' ? 'fails' : 'starts');
    await site.createPool('failing', cloud({ preallocated: 2 }));
    await site.until('the reason', () => ready('failing')?.reason === 'BuildersDoNotStart');
    expect(ready('failing')?.message).toContain('the cloud is full');
    await has('failing');
    expect(site.pool('failing')?.status?.consecutiveStartFailures).toBeGreaterThanOrEqual(2);
    const made = [...site.machines.seen].filter((name) => name.startsWith('failing-')).sort();
    expect(made.slice(0, 2)).toEqual(['failing-00000001', 'failing-00000002']);
    site.machines.fate = () => 'starts';
    // After the pause one machine alone is tried, and then the rest.
    await has('failing', 'Free', 'Free');
    await site.until('readiness', () => ready('failing')?.status === 'True');
    await site.until('the end of the row', () => site.pool('failing')?.status?.consecutiveStartFailures === 0);
  });

  it('is deleted after its machines, and waits for those in use', async () => {
    await site.createPool('deleted', cloud({ preallocated: 2, tags: [{ name: 'deleted', priority: 0 }] }));
    await has('deleted', 'Free', 'Free');
    const [machine] = site.machinesOf('deleted');
    if (machine === undefined) throw new Error('there is one');
    await site.claim(machine, await site.wait('x1', { tags: ['deleted'] }));
    await site.client.delete(BuilderPools, `${site.builds}/deleted`);
    await has('deleted', 'Running');
    await site.until('the reason', () => ready('deleted')?.message.includes('1 are in use') === true);
    site.machines.deletes = false;
    await site.release(machine.metadata.name);
    await has('deleted', 'Deleting');
    await site.until('the reason', () => ready('deleted')?.message.includes('1 are being deleted') === true);
    expect(site.pool('deleted')).toBeDefined();
    site.machines.deletes = true;
    await site.until('the end of the pool', () => site.pool('deleted') === undefined);
    expect([...site.machines.cloud].filter((name) => name.startsWith('deleted-'))).toEqual([]);
  });

  it('of an inventory has a machine for every slot, and follows it', async () => {
    const machine = (name: string) => ({ name, address: `${name}.example`, port: 22, slots: 2, hostKeys: [HOST_KEY] });
    const spec = { ssh: SSH, architectures: ['x86_64'], max: 10 };
    await site.createPool('rack', { ...spec, hosts: { machines: [machine('m1'), machine('m2')] } });
    await has('rack', 'Free', 'Free', 'Free', 'Free');
    expect(names('rack')).toEqual(['rack-m1-1', 'rack-m1-2', 'rack-m2-1', 'rack-m2-2']);
    const uid = site.machinesOf('rack')[0]?.metadata.uid;
    await site.patchPool('rack', { hosts: { machines: [machine('m1')] } });
    await has('rack', 'Free', 'Free');
    expect(names('rack')).toEqual(['rack-m1-1', 'rack-m1-2']);
    // A machine that a sandbox has had is a new one for the next.
    const [first] = site.machinesOf('rack');
    if (first === undefined) throw new Error('there is one');
    await site.claim(first, await site.wait('h1'));
    await site.release('rack-m1-1');
    await site.until(
      'the new one',
      () => states('rack').join() === 'Free,Free' && site.machinesOf('rack')[0]?.metadata.uid !== uid,
    );
  });

  it('has no machine twice, although two operators make them', async () => {
    await site.startOperator();
    await site.createPool('twice', cloud({ preallocated: 5, max: 9, maxStarting: 9 }));
    await has('twice', 'Free', 'Free', 'Free', 'Free', 'Free');
    await site.patchPool('twice', { preallocated: 8 });
    await site.until('three more', () => states('twice').filter((state) => state === 'Free').length === 8);
    const made = [...site.machines.seen].filter((name) => name.startsWith('twice-')).sort();
    expect(made).toEqual(Array.from({ length: 8 }, (_, index) => `twice-0000000${index + 1}`));
    const indexes = site.machinesOf('twice').map(({ spec }) => spec.machine?.index);
    expect(indexes).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
