import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import { aBuilder, ago, aPool, aTicket, NOW } from '../testing/objects.ts';
import { pauseAfter, poolStatus } from './plan.ts';

type Status = NonNullable<Builder['status']>;

function builders(...statuses: (Status | undefined)[]): Builder[] {
  return statuses.map((status, index) => aBuilder(aTicket(`t${index}`), status));
}

function failedStart(secondsAgo: number, reason = 'StartTimeout'): Status {
  return { phase: 'Lost', reason, message: 'no node takes it', endedAt: ago(secondsAgo) };
}

const READY = { type: 'Ready', status: 'True', reason: 'Ready' };

describe('poolStatus', () => {
  it('counts the builders that exist', () => {
    const all = builders(undefined, { phase: 'Starting' }, { phase: 'Running' }, { phase: 'Ended' }, { phase: 'Lost' });
    expect(poolStatus(aPool('default', { max: 9 }), all, NOW)).toMatchObject({
      builders: 3,
      starting: 2,
      running: 1,
      usage: '3/9',
    });
  });

  it('is ready without any builder', () => {
    expect(poolStatus(aPool('default'), [], NOW)).toMatchObject({ conditions: [READY], consecutiveStartFailures: 0 });
  });

  it('is not ready while it is suspended', () => {
    const { conditions } = poolStatus(aPool('default', { suspend: true }), [], NOW);
    expect(conditions).toMatchObject([{ status: 'False', reason: 'Suspended' }]);
  });

  it('pauses after a failed start, and says why', () => {
    const status = poolStatus(aPool('default'), builders(failedStart(3)), NOW);
    expect(status).toMatchObject({ consecutiveStartFailures: 1, pausedUntil: ago(-7) });
    expect(status.conditions).toMatchObject([
      { status: 'False', reason: 'BuildersDoNotStart', message: expect.stringContaining('no node takes it') },
    ]);
  });

  it('is ready again when the pause is over, but remembers', () => {
    const status = poolStatus(aPool('default'), builders(failedStart(10)), NOW);
    expect(status).toMatchObject({ conditions: [READY], consecutiveStartFailures: 1 });
    expect(status.pausedUntil).toBeUndefined();
  });

  it('pauses longer with each failure in a row', () => {
    const status = poolStatus(aPool('default'), builders(failedStart(3), failedStart(30), failedStart(70)), NOW);
    expect(status).toMatchObject({ consecutiveStartFailures: 3, pausedUntil: ago(-37) });
  });

  it('forgets the failures before the last start that went well', () => {
    const well: Status = { phase: 'Running', startedAt: ago(20) };
    expect(poolStatus(aPool('default'), builders(failedStart(30), well), NOW).consecutiveStartFailures).toBe(0);
    expect(poolStatus(aPool('default'), builders(failedStart(3), well), NOW).consecutiveStartFailures).toBe(1);
  });

  it.each(['BuilderFailed', 'OutOfMemory', 'DiskFull', 'TimedOut', 'DirectoryInUse'])(
    'does not pause for %s, which is what happens inside a pod that did start',
    (reason) => {
      expect(poolStatus(aPool('default'), builders(failedStart(3, reason)), NOW)).toMatchObject({
        conditions: [READY],
        consecutiveStartFailures: 0,
      });
    },
  );
});

describe('pauseAfter', () => {
  it.each([
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [5, 160_000],
    [6, 300_000],
    [60, 300_000],
  ])('%i failures: %i ms', (failures, pause) => {
    expect(pauseAfter(failures)).toBe(pause);
  });
});
