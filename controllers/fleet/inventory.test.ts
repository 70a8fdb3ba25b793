import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { aHostsPool, HOST_KEY } from '../hook/testing/objects.ts';
import { ago, NOW } from '../testing/objects.ts';
import { planFleet } from './plan.ts';
import { aLine, aMachineOf } from './testing/objects.ts';
import type { FleetPlan, FleetWorld } from './world.ts';

const READY = { phase: 'Ready', startedAt: ago(60) } as const;
const RUNNING = { phase: 'Running', startedAt: ago(60) } as const;
const USED = { ...READY, uses: 1, assignedAt: ago(50), releasedAt: ago(5) };

function planOf(pools: BuilderPool[], more: Partial<FleetWorld> = {}): FleetPlan {
  return planFleet({ pools, builders: [], waiting: [], ...more }, NOW);
}

function made(pools: BuilderPool[], more: Partial<FleetWorld> = {}): string[] {
  return planOf(pools, more).create.map(({ builder }) => builder.metadata.name);
}

function removed(pools: BuilderPool[], builders: Builder[], more: Partial<FleetWorld> = {}): string[] {
  const { remove } = planOf(pools, { builders, ...more });
  return remove.map(({ builder, reason }) => `${builder.metadata.name} ${reason}`);
}

const INVENTORY = ['m1', 'm2'].map((name) => ({ name, address: name, port: 22, slots: 2, hostKeys: [HOST_KEY] }));

function rack(spec: Partial<BuilderPool['spec']> = {}): BuilderPool {
  const pool = aHostsPool({ hosts: { machines: INVENTORY }, max: 10, maxStarting: 10, ...spec });
  pool.metadata.finalizers = ['kopr.dev/builders'];
  return pool;
}

function slot(host: string, number: number, status?: Builder['status'], sandbox?: string): Builder {
  const builder = aMachineOf('rack', 1, status);
  const bound = sandbox === undefined ? {} : { sandbox };
  const machine = { index: number, host, slot: number };
  const metadata = { ...builder.metadata, name: `rack-${host}-${number}` };
  return { ...builder, metadata, spec: { ...builder.spec, machine, ...bound } };
}

describe('an inventory', () => {
  it('has a machine for every slot', () => {
    const { create } = planOf([rack()], { builders: [slot('m1', 2, READY)] });
    expect(create.map(({ builder }) => [builder.metadata.name, builder.spec.machine])).toEqual([
      ['rack-m1-1', { index: 0, host: 'm1', slot: 1 }],
      ['rack-m2-1', { index: 1, host: 'm2', slot: 1 }],
      ['rack-m2-2', { index: 3, host: 'm2', slot: 2 }],
    ]);
  });

  it('has no more than it may', () => {
    expect(made([rack({ max: 3 })])).toEqual(['rack-m1-1', 'rack-m1-2', 'rack-m2-1']);
    expect(made([rack({ maxStarting: 1 })])).toEqual(['rack-m1-1']);
    expect(made([rack({ suspend: true })])).toEqual([]);
  });

  it('drains what was taken off', () => {
    const builders = [slot('m1', 1, READY), slot('m3', 1, READY), slot('m3', 2, RUNNING, 'a/b'), slot('m1', 3)];
    expect(removed([rack()], builders)).toEqual(['rack-m3-1 NotInInventory', 'rack-m1-3 NotInInventory']);
  });

  it('tries a machine that it could not reach again after a minute', () => {
    const lost = (seconds: number) => slot('m1', 1, { phase: 'Lost', reason: 'StartTimeout', endedAt: ago(seconds) });
    const plan = planOf([rack()], { builders: [lost(10)] });
    expect([plan.remove, plan.wakeAt]).toEqual([[], NOW + 50_000]);
    expect(plan.create.map(({ builder }) => builder.metadata.name)).toContain('rack-m2-1');
    expect(removed([rack()], [lost(60)])).toEqual(['rack-m1-1 StartTimeout']);
  });

  it('evades the names of another pool', () => {
    const other = { ...slot('m1', 1, READY), spec: { ...slot('m1', 1).spec, pool: 'other' } };
    expect(made([rack()], { builders: [other] })[0]).toMatch(/^rack-m1-1-[0-9a-f]{10}$/);
  });

  it('gives a host that one sandbox keeps to others that wait', () => {
    const reuse = { waitSeconds: 600, maxUses: 0, maxSeconds: 0 };
    const kept = [
      slot('m1', 1, USED, 'a/b'),
      slot('m1', 2, READY),
      slot('m2', 1, RUNNING, 'c/d'),
      slot('m2', 2, USED, 'c/d'),
    ];
    const waiting = [aLine({ sandbox: 'x/y', told: 5 })];
    expect(removed([rack({ reuse })], kept, { waiting })).toEqual(['rack-m1-1 GivesWay']);
    expect(removed([rack({ reuse })], kept, { waiting: [...waiting, aLine({ sandbox: 'a/b', told: 1 })] })).toEqual([]);
    expect(removed([rack({ reuse })], kept)).toEqual([]);
  });
});
