import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { ago, NOW } from '../testing/objects.ts';
import { planFleet } from './plan.ts';
import { aCloud, aMachineOf } from './testing/objects.ts';
import type { FleetWorld } from './world.ts';

function planOf(pools: BuilderPool[], more: Partial<FleetWorld> = {}, now = NOW) {
  return planFleet({ pools, builders: [], waiting: [], ...more }, now);
}

/** Names of the machines that are made. */
function made(pools: BuilderPool[], more: Partial<FleetWorld> = {}, now = NOW): string[] {
  return planOf(pools, more, now).create.map(({ builder }) => builder.metadata.name);
}

/** Names and reasons of the machines that are removed. */
function removed(pools: BuilderPool[], builders: Builder[], more: Partial<FleetWorld> = {}): string[] {
  const { remove } = planOf(pools, { builders, ...more });
  return remove.map(({ builder, reason }) => `${builder.metadata.name} ${reason}`);
}

function machines(count: number, status: Builder['status'], from = 1): Builder[] {
  return Array.from({ length: count }, (_, index) => aMachineOf('cloud', from + index, status));
}

const READY = { phase: 'Ready', startedAt: ago(60) } as const;
const RUNNING = { phase: 'Running', startedAt: ago(60) } as const;
const USED = { ...READY, uses: 1, assignedAt: ago(50), releasedAt: ago(5) };
const SANDBOX = { sandbox: 'demo/hello' };

describe('a pool that keeps machines ready', () => {
  it('gets the finalizer before any machine', () => {
    const plan = planOf([aCloud({}, { metadata: { finalizers: [] } })]);
    expect(plan.hold.map(({ metadata }) => metadata.name)).toEqual(['cloud']);
    expect(plan.create).toEqual([]);
  });

  it('makes as many as it keeps', () => {
    const [first, second] = planOf([aCloud({ preallocated: 2 })]).create.map(({ builder }) => builder);
    expect(first).toEqual({
      apiVersion: 'kopr.dev/v1alpha1',
      kind: 'Builder',
      metadata: {
        name: 'cloud-00000001',
        namespace: 'kopr-builds',
        labels: { 'kopr.dev/pool': 'cloud', 'kopr.dev/machine-id': '1' },
        finalizers: ['kopr.dev/machine'],
      },
      spec: { pool: 'cloud', machine: { index: 0 }, architecture: 'x86_64' },
    });
    expect(second).toMatchObject({ metadata: { name: 'cloud-00000002' }, spec: { machine: { index: 1 } } });
  });

  it.each<[string, string[], Builder[]]>([
    ['counts those that start', ['cloud-00000002'], machines(1, undefined)],
    ['counts those that are free', [], machines(2, READY)],
    ['does not count those that were used', ['cloud-00000003', 'cloud-00000004'], used(2)],
    ['does not count those that run', ['cloud-00000003', 'cloud-00000004'], machines(2, RUNNING)],
    ['makes no more than there is room for', ['cloud-00000006'], machines(5, RUNNING)],
    ['makes none when it is full', [], machines(6, RUNNING)],
    ['counts what is being deleted as there', ['cloud-00000006'], deleting(5)],
  ])('%s', (_title, names, builders) => {
    const reuse = { waitSeconds: 600, maxUses: 0, maxSeconds: 0 };
    expect(made([aCloud({ preallocated: 2, max: 6, reuse })], { builders })).toEqual(names);
  });

  it('starts no more at a time than it may', () => {
    expect(made([aCloud({ preallocated: 9, max: 9, maxStarting: 3 })], { builders: machines(1, undefined) })).toEqual([
      'cloud-00000002',
      'cloud-00000003',
    ]);
  });

  it('gives each the lowest index that is free, and numbers that were never given', () => {
    const [second] = machines(1, RUNNING, 9);
    const pool = aCloud({ preallocated: 2 }, { status: { machinesMade: 12 } });
    const plan = planOf([pool], {
      builders: second === undefined ? [] : [{ ...second, spec: { ...second.spec, machine: { index: 0 } } }],
    });
    expect(plan.create.map(({ builder }) => [builder.metadata.name, builder.spec.machine?.index])).toEqual([
      ['cloud-00000013', 1],
      ['cloud-00000014', 2],
    ]);
  });

  it('has its number follow what is seen', () => {
    expect(
      planOf([aCloud({}, { status: { machinesMade: 4 } })], { builders: machines(1, READY, 7) }).made,
    ).toMatchObject([{ number: 7 }]);
    expect(planOf([aCloud({}, { status: { machinesMade: 7 } })], { builders: machines(1, READY, 7) }).made).toEqual([]);
  });

  it('waits between two starts, whatever became of the last one', () => {
    const spec = { preallocated: 3, startDelaySeconds: 30 };
    expect(made([aCloud(spec)])).toHaveLength(1);
    const status = { statistics: { lastStartAt: ago(20) } };
    const plan = planOf([aCloud(spec, { status })]);
    expect([plan.create, plan.wakeAt]).toEqual([[], NOW + 10_000]);
    expect(made([aCloud(spec, { status })], {}, NOW + 10_000)).toHaveLength(1);
  });

  it('gives each counter the smallest number that no machine of any pool has', () => {
    const [other] = machines(1, RUNNING);
    if (other === undefined) throw new Error('there is one');
    const holder = { ...other, spec: { ...other.spec, pool: 'b', machine: { index: 0, counters: { ip: 1 } } } };
    const pools = [
      aCloud({ preallocated: 2, counters: ['ip', 'mac'] }),
      aCloud({ preallocated: 1, counters: ['ip'] }, {}, 'b'),
    ];
    const plan = planOf(pools, { builders: [holder] });
    expect(plan.create.map(({ builder }) => builder.spec.machine?.counters)).toEqual([
      { ip: 0 },
      { ip: 2, mac: 0 },
      { ip: 3, mac: 1 },
    ]);
  });
});

function used(count: number): Builder[] {
  return machines(count, USED).map((builder) => ({ ...builder, spec: { ...builder.spec, ...SANDBOX } }));
}

function deleting(count: number): Builder[] {
  return machines(count, READY).map((builder) => ({
    ...builder,
    metadata: { ...builder.metadata, deletionTimestamp: ago(1) },
  }));
}

describe('a number that was given twice', () => {
  it('has the younger of two machines go before anything is made for it', () => {
    const counters = { address: 3 };
    const [old, young] = [1, 2].map((id) => aMachineOf('cloud', id, undefined, { machine: { index: id, counters } }));
    if (old === undefined || young === undefined) throw new Error('there are two');
    expect(removed([aCloud()], [young, old])).toEqual(['cloud-00000002 NumberTaken']);
  });
});

describe('a pool whose machines do not start', () => {
  it('makes none while it pauses, and then one alone', () => {
    const status = { consecutiveStartFailures: 2, pausedUntil: ago(-5) };
    const plan = planOf([aCloud({ preallocated: 3 }, { status })]);
    expect([plan.create, plan.wakeAt]).toEqual([[], NOW + 5_000]);
    expect(made([aCloud({ preallocated: 3 }, { status })], {}, NOW + 5_000)).toHaveLength(1);
    const builders = machines(1, undefined);
    expect(made([aCloud({ preallocated: 3 }, { status })], { builders }, NOW + 5_000)).toEqual([]);
  });

  it('pauses although its status does not tell of the failure yet', () => {
    const lost = machines(1, { phase: 'Lost', reason: 'StartTimeout', message: 'slow', endedAt: ago(1) });
    const plan = planOf([aCloud({ preallocated: 3 })], { builders: lost });
    expect(plan.create).toEqual([]);
    expect(plan.remove).toMatchObject([{ reason: 'StartTimeout', message: 'slow', asSeen: false }]);
    expect(plan.wakeAt).toBe(NOW + 9_000);
  });
});

describe('a pool that is being deleted', () => {
  const pool = aCloud({ preallocated: 2 }, { metadata: { deletionTimestamp: ago(3) } });

  it('makes nothing, removes what nobody uses, and waits for the rest', () => {
    const plan = planOf([pool], { builders: [...machines(1, READY), ...machines(1, RUNNING, 2)] });
    expect(plan).toMatchObject({ create: [], hold: [], letGo: [] });
    expect(plan.remove).toMatchObject([{ reason: 'PoolDrains', message: 'its pool is being deleted' }]);
  });

  it('waits for those that are being deleted', () => {
    expect(planOf([pool], { builders: deleting(1) }).letGo).toEqual([]);
  });

  it('goes when nothing of it is left', () => {
    expect(planOf([pool]).letGo.map(({ metadata }) => metadata.name)).toEqual(['cloud']);
  });
});

describe('a repeated cycle', () => {
  it('plans the same names again when it does not see what it has made', () => {
    const pool = aCloud({ preallocated: 3 });
    const first = planOf([pool]).create.map(({ builder }) => builder);
    const seen = first.slice(0, 1);
    expect(made([pool], { builders: seen }, NOW + 1_000)).toEqual(first.slice(1).map(({ metadata }) => metadata.name));
  });

  it('takes no number again that it has seen, after the machine is gone', () => {
    const plan = planOf([aCloud({ preallocated: 1 })], { builders: machines(1, RUNNING, 5) });
    const [raise] = plan.made;
    expect(made([aCloud({ preallocated: 1 }, { status: { machinesMade: raise?.number ?? 0 } })])).toEqual([
      'cloud-00000006',
    ]);
  });

  it('is deterministic, however the caches are ordered', () => {
    const pools = [aCloud({ preallocated: 2 }), aCloud({ preallocated: 1 }, {}, 'b')];
    const builders = machines(2, RUNNING);
    const plain = made(pools, { builders });
    expect(made([...pools].reverse(), { builders: [...builders].reverse() })).toEqual(plain);
  });
});

it('names the time in names that want it', () => {
  const pool = aCloud({ preallocated: 1, namePattern: 'x{pool_name}_{id}_{datetime}' });
  expect(made([pool])).toEqual([`xcloud-00000001-${toTimestamp(NOW).slice(0, 10).replaceAll('-', '')}-120000`]);
});
