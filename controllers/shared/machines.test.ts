import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { ago, NOW } from '../testing/objects.ts';
import { endOfUse, endOfUseAt, machineState } from './machines.ts';

type Status = NonNullable<Builder['status']>;

function machine(status: Status = {}, spec: Partial<Builder['spec']> = {}): Builder {
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Builder',
    metadata: { name: 'm' },
    spec: { pool: 'p', architecture: 'x86_64', machine: { index: 0 }, ...spec },
    status,
  };
}

const TICKET = { namespace: 'demo', name: 't', uid: 'u' };

describe('machineState', () => {
  it.each([
    ['Starting', machine()],
    ['Starting', machine({ phase: 'Starting' })],
    ['Free', machine({ phase: 'Ready' })],
    ['Reserved', machine({ phase: 'Ready' }, { sandbox: 'demo/hello' })],
    ['Running', machine({ phase: 'Ready' }, { sandbox: 'demo/hello', ticket: TICKET })],
    ['Running', machine({ phase: 'Running' }, { sandbox: 'demo/hello', ticket: TICKET })],
    ['Releasing', machine({ phase: 'Releasing' }, { sandbox: 'demo/hello' })],
    ['Lost', machine({ phase: 'Lost' })],
    ['Deleting', machine({ phase: 'Deleting' })],
  ])('is %s', (state, builder) => {
    expect(machineState(builder)).toBe(state);
  });

  it('is Deleting from the moment somebody deletes it', () => {
    const builder = machine({ phase: 'Ready' });
    builder.metadata.deletionTimestamp = ago(1);
    expect(machineState(builder)).toBe('Deleting');
  });
});

function pool(reuse: Partial<BuilderPool['spec']['reuse']>): Pick<BuilderPool, 'spec'> {
  return { spec: { reuse: { waitSeconds: 60, maxUses: 0, maxSeconds: 0, ...reuse } } as BuilderPool['spec'] };
}

const RELEASED: Status = { phase: 'Ready', uses: 2, assignedAt: ago(600), releasedAt: ago(30) };

describe('a machine that was released', () => {
  it.each([
    ['may be used again', {}, undefined],
    ['is not, if its pool uses machines once', { waitSeconds: 0 }, 'NoReuse'],
    ['may be, when one use is left', { maxUses: 3 }, undefined],
    ['is not, when no use is left', { maxUses: 2 }, 'UsedUp'],
    ['may be, a second before its time is over', { maxSeconds: 601 }, undefined],
    ['is not, when its time is over', { maxSeconds: 600 }, 'TooOld'],
    ['waits to the last second', { waitSeconds: 31 }, undefined],
    ['waits no longer', { waitSeconds: 30 }, 'NotWanted'],
  ] as const)('%s', (_title, reuse, reason) => {
    expect(endOfUse(machine(RELEASED), pool(reuse), NOW)?.reason).toBe(reason);
  });

  it('is looked at again when the first of its times is over', () => {
    expect(endOfUseAt(machine(RELEASED), pool({}))).toBe(NOW + 30_000);
    expect(endOfUseAt(machine(RELEASED), pool({ maxSeconds: 610 }))).toBe(NOW + 10_000);
    expect(endOfUseAt(machine(), pool({}))).toBeUndefined();
  });
});
