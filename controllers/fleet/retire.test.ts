import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { ago, NOW } from '../testing/objects.ts';
import { planFleet } from './plan.ts';
import { aCloud, aMachineOf } from './testing/objects.ts';
import type { FleetPlan } from './world.ts';

function planOf(pools: BuilderPool[], { builders }: { builders: Builder[] }): FleetPlan {
  return planFleet({ pools, builders, waiting: [] }, NOW);
}

/** Names and reasons of the machines that are removed. */
function removed(pools: BuilderPool[], builders: Builder[]): string[] {
  return planOf(pools, { builders }).remove.map(({ builder, reason }) => `${builder.metadata.name} ${reason}`);
}

function machines(count: number, status: Builder['status'], from = 1): Builder[] {
  return Array.from({ length: count }, (_, index) => aMachineOf('cloud', from + index, status));
}

const READY = { phase: 'Ready', startedAt: ago(60) } as const;
const RUNNING = { phase: 'Running', startedAt: ago(60) } as const;
const USED = { ...READY, uses: 1, assignedAt: ago(50), releasedAt: ago(5) };

function used(count: number): Builder[] {
  return machines(count, USED).map((builder) => ({ ...builder, spec: { ...builder.spec, sandbox: 'demo/hello' } }));
}

function deleting(count: number): Builder[] {
  return machines(count, READY).map((builder) => ({
    ...builder,
    metadata: { ...builder.metadata, deletionTimestamp: ago(1) },
  }));
}

describe('a machine', () => {
  it.each<[string, string[], Partial<BuilderPool['spec']>, Builder[]]>([
    ['that was used goes, when its pool uses machines once', ['cloud-00000001 NoReuse'], {}, used(1)],
    ['that was used waits for its sandbox', [], { reuse: { waitSeconds: 60, maxUses: 0, maxSeconds: 0 } }, used(1)],
    [
      'that nobody asked for in time goes',
      ['cloud-00000001 NotWanted'],
      { reuse: { waitSeconds: 5, maxUses: 0, maxSeconds: 0 } },
      used(1),
    ],
    [
      'that is used up goes',
      ['cloud-00000001 UsedUp'],
      { reuse: { waitSeconds: 60, maxUses: 1, maxSeconds: 0 } },
      used(1),
    ],
    [
      'that serves a sandbox for too long goes',
      ['cloud-00000001 TooOld'],
      { reuse: { waitSeconds: 60, maxUses: 0, maxSeconds: 50 } },
      used(1),
    ],
    [
      'that could not be cleaned goes',
      ['cloud-00000001 ReleaseFailed'],
      { reuse: { waitSeconds: 60, maxUses: 0, maxSeconds: 0 } },
      machines(1, { ...USED, phase: 'Lost', reason: 'ReleaseFailed' }),
    ],
    ['that runs stays, whatever its pool is', [], { suspend: true, max: 0 }, machines(1, RUNNING)],
    [
      'of a suspended pool goes when nobody has it',
      ['cloud-00000001 PoolDrains'],
      { suspend: true },
      machines(1, READY),
    ],
    ['that starts for a suspended pool is left to start', [], { suspend: true }, machines(1, undefined)],
    [
      'too many goes, the oldest first',
      ['cloud-00000001 TooManyMachines'],
      { max: 2, preallocated: 2 },
      machines(3, READY),
    ],
    [
      'too many goes, those of one sandbox first',
      ['cloud-00000001 TooManyMachines'],
      { max: 2, preallocated: 2, reuse: { waitSeconds: 60, maxUses: 0, maxSeconds: 0 } },
      [...used(1), ...machines(2, READY, 2)],
    ],
    [
      'more than its pool keeps goes, the oldest first',
      ['cloud-00000001 NotNeeded'],
      { preallocated: 1 },
      machines(2, READY),
    ],
    ['that is being deleted is left alone', [], { suspend: true }, deleting(1)],
  ])('%s', (_title, names, spec, builders) => {
    expect(removed([aCloud({ preallocated: 2, ...spec })], builders)).toEqual(names);
  });

  it('whose pool is gone goes too, but not under a build', () => {
    expect(removed([], [...machines(1, READY), ...machines(1, RUNNING, 2)])).toEqual(['cloud-00000001 PoolGone']);
  });

  it('is removed only as it was seen, unless it is lost', () => {
    const lost = machines(1, { phase: 'Lost', startedAt: ago(9), reason: 'MachineLost', message: 'gone' }, 2);
    const { remove } = planOf([aCloud({ suspend: true })], { builders: [...machines(1, READY), ...lost] });
    expect(remove.map(({ asSeen }) => asSeen)).toEqual([true, false]);
  });

  it('is looked at when its time is over', () => {
    const reuse = { waitSeconds: 60, maxUses: 0, maxSeconds: 100 };
    expect(planOf([aCloud({ preallocated: 0, reuse })], { builders: used(1) }).wakeAt).toBe(NOW + 50_000);
  });
});
