import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { aCommandPool, aHostsPool, aMachine } from '../hook/testing/objects.ts';
import { pauseAfter } from '../shared/pause.ts';
import { aBuilder, ago, aPool, aTicket, NOW } from '../testing/objects.ts';
import type { PoolEvent } from './events.ts';
import { eventsOf } from './events.ts';
import { nextLook, poolStatus } from './plan.ts';

type Status = NonNullable<Builder['status']>;

function builders(...statuses: (Status | undefined)[]): Builder[] {
  return statuses.map((status, index) => aBuilder(aTicket(`t${index}`), status));
}

function failedStart(secondsAgo: number, reason = 'StartTimeout'): Status {
  return { phase: 'Lost', reason, message: 'no node takes it', endedAt: ago(secondsAgo) };
}

function statusOf(
  pool: BuilderPool,
  all: readonly Builder[],
  now = NOW,
  events: readonly PoolEvent[] = all.flatMap(eventsOf).sort((a, b) => a.at - b.at),
) {
  return poolStatus({ pool, builders: all, events, ownerOf: ({ spec }) => spec.sandbox?.split('/')[0] }, now);
}

const READY = { type: 'Ready', status: 'True', reason: 'Ready' };

describe('the status of a pool', () => {
  it('counts the pods that exist', () => {
    const all = builders(undefined, { phase: 'Starting' }, { phase: 'Running' }, { phase: 'Ended' }, { phase: 'Lost' });
    expect(statusOf(aPool('default', { max: 9 }), all)).toMatchObject({
      builders: 3,
      starting: 2,
      running: 1,
      usage: '3/9',
    });
  });

  it('counts the machines that exist, until they are deleted', () => {
    const sandbox = 'demo/hello';
    const all = [
      aMachine({ metadata: { name: 'a' } }),
      aMachine({ metadata: { name: 'b' }, status: { phase: 'Ready' } }),
      aMachine({ metadata: { name: 'c' }, status: { phase: 'Ready' }, spec: { sandbox } }),
      aMachine({ metadata: { name: 'd' }, status: { phase: 'Releasing' }, spec: { sandbox } }),
      aMachine({ metadata: { name: 'e' }, status: { phase: 'Lost', startedAt: ago(60) } }),
      aMachine({ metadata: { name: 'f', deletionTimestamp: ago(3) }, status: { phase: 'Ready' } }),
    ];
    const counts = { builders: 6, starting: 1, free: 2, running: 1, deleting: 2, usage: '6/8' };
    expect(statusOf(aCommandPool({}, { max: 8 }), all)).toMatchObject(counts);
  });

  it('is ready without any builder', () => {
    expect(statusOf(aPool('default'), [])).toMatchObject({ conditions: [READY], consecutiveStartFailures: 0 });
  });

  it('is not ready while it is suspended', () => {
    const { conditions } = statusOf(aPool('default', { suspend: true }), []);
    expect(conditions).toMatchObject([{ status: 'False', reason: 'Suspended' }]);
  });

  it('says what a suspended pool of machines waits for', () => {
    const running = aMachine({ status: { phase: 'Running' }, spec: { sandbox: 'demo/hello' } });
    const [condition] = statusOf(aCommandPool({}, { suspend: true }), [running]).conditions ?? [];
    expect(condition?.message).toContain('waits for 1 builders, of which 1 are in use');
  });

  it('says what a pool that is being deleted waits for', () => {
    const pool = aCommandPool();
    pool.metadata.deletionTimestamp = ago(5);
    const { conditions } = statusOf(pool, [aMachine({ metadata: { deletionTimestamp: ago(5) } })]);
    expect(conditions).toMatchObject([
      { status: 'False', reason: 'Deleting', message: expect.stringContaining('1 are being deleted') },
    ]);
  });

  it('is not ready when it may not have any builders', () => {
    expect(statusOf(aPool('default', { max: 0 }), []).conditions).toMatchObject([{ reason: 'ScaledToZero' }]);
  });

  it('names those who use most, twenty of them', () => {
    const all = Array.from({ length: 25 }, (_, index) => aBuilder(aTicket(`t${index}`, { owner: `o${index}` })));
    const more = aBuilder(aTicket('more', { owner: 'o24' }));
    const { owners } = statusOf(aPool('default'), [...all, more]);
    expect(owners).toHaveLength(20);
    expect(owners?.[0]).toEqual({ name: 'o24', builders: 2 });
  });
});

describe('a pool whose builders do not start', () => {
  it('pauses, and says why', () => {
    const status = statusOf(aPool('default'), builders(failedStart(3)));
    expect(status).toMatchObject({ consecutiveStartFailures: 1, pausedUntil: ago(-7) });
    expect(status.conditions).toMatchObject([
      { status: 'False', reason: 'BuildersDoNotStart', message: expect.stringContaining('no node takes it') },
    ]);
  });

  it('is ready again when the pause is over, but remembers', () => {
    const status = statusOf(aPool('default'), builders(failedStart(10)));
    expect(status).toMatchObject({ conditions: [READY], consecutiveStartFailures: 1, pausedUntil: ago(0) });
  });

  it('pauses longer with each failure in a row', () => {
    const status = statusOf(aPool('default'), builders(failedStart(3), failedStart(30), failedStart(70)));
    expect(status).toMatchObject({ consecutiveStartFailures: 3, pausedUntil: ago(-37) });
  });

  it('goes on counting when the machine that failed is gone, and another process looks', () => {
    const lost = aMachine({ status: failedStart(3) });
    const first = { ...aCommandPool(), status: statusOf(aCommandPool(), [lost]) };
    expect(statusOf(first, [], NOW)).toMatchObject({
      consecutiveStartFailures: 1,
      conditions: first.status.conditions,
    });
    const next = aMachine({
      metadata: { name: 'next' },
      status: { ...failedStart(0), endedAt: toTimestamp(NOW + 20_000) },
    });
    expect(statusOf(first, [next], NOW + 20_000)).toMatchObject({
      consecutiveStartFailures: 2,
      pausedUntil: toTimestamp(NOW + 40_000),
    });
  });

  it('forgets the failures before the last start that went well', () => {
    const well: Status = { phase: 'Running', startedAt: ago(20) };
    expect(statusOf(aPool('default'), builders(failedStart(30), well)).consecutiveStartFailures).toBe(0);
    expect(statusOf(aPool('default'), builders(failedStart(3), well)).consecutiveStartFailures).toBe(1);
  });

  it('takes no notice of a failure that is heard of after a later start', () => {
    const started = { ...aPool('default'), status: { statistics: { lastSuccessAt: ago(20) } } };
    expect(statusOf(started, builders(failedStart(30))).consecutiveStartFailures).toBe(0);
  });

  it('has forgotten after ten quiet minutes, and looks by itself', () => {
    const pool = { ...aPool('default'), status: statusOf(aPool('default'), builders(failedStart(10))) };
    const at = nextLook(pool.status, NOW) ?? 0;
    expect(at).toBe(NOW + 590_000);
    expect(statusOf(pool, [], at - 1_000).consecutiveStartFailures).toBe(1);
    const quiet = statusOf(pool, [], at);
    expect(quiet.consecutiveStartFailures).toBe(0);
    expect(quiet.pausedUntil).toBeUndefined();
    expect(nextLook(quiet, at)).toBeUndefined();
  });

  it.each(['BuilderFailed', 'OutOfMemory', 'DiskFull', 'TimedOut', 'DirectoryInUse'])(
    'does not pause for %s, which is what happens inside a pod that did start',
    (reason) => {
      expect(statusOf(aPool('default'), builders(failedStart(3, reason)))).toMatchObject({
        conditions: [READY],
        consecutiveStartFailures: 0,
      });
    },
  );

  it('is ready although one machine of its inventory is not', () => {
    const spec = { pool: 'rack', machine: { index: 0, host: 'm1', slot: 1 } };
    const lost = aMachine({ metadata: { name: 'rack-m1-1' }, spec, status: failedStart(3) });
    const up = aMachine({ metadata: { name: 'rack-m2-1' }, spec, status: { phase: 'Ready', startedAt: ago(900) } });
    expect(statusOf(aHostsPool(), [lost, up], NOW).conditions).toMatchObject([READY]);
    expect(statusOf(aHostsPool(), [lost], NOW).conditions).toMatchObject([{ reason: 'BuildersDoNotStart' }]);
  });
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
