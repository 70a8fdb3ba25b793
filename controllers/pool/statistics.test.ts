import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import { aMachine } from '../hook/testing/objects.ts';
import { aBuilder, ago, aTicket, NOW } from '../testing/objects.ts';
import { eventsOf } from './events.ts';
import { withEvents } from './statistics.ts';
import { Tally } from './tally.ts';

function ready(seconds: number, at = NOW) {
  return { kind: 'ready', id: 'ready', at, seconds } as const;
}

const FAILED = { kind: 'failed', id: 'failed', at: NOW } as const;

describe('the statistics of a pool', () => {
  it('begin with the first value, and then follow the younger ones', () => {
    const first = withEvents(undefined, [ready(100)], NOW);
    expect(first).toMatchObject({ startSeconds: 100, startSuccessPercent: 100 });
    expect(withEvents(first, [ready(50), FAILED], NOW)).toMatchObject({ startSeconds: 90, startSuccessPercent: 80 });
  });

  it('get to both ends of a hundred', () => {
    const good = withEvents(
      { startSuccessPercent: 98 },
      Array.from({ length: 2 }, () => ready(1)),
      NOW,
    );
    expect(good.startSuccessPercent).toBe(100);
    const bad = withEvents(
      { startSuccessPercent: 2 },
      Array.from({ length: 2 }, () => FAILED),
      NOW,
    );
    expect(bad.startSuccessPercent).toBe(0);
  });

  it('know when they end, and not later than now', () => {
    expect(withEvents(undefined, [], NOW)).toEqual({});
    expect(withEvents(undefined, [ready(1, NOW + 3_600_000)], NOW).counted).toBe(ago(0));
    expect(withEvents({ counted: ago(5) }, [ready(1, NOW - 60_000)], NOW).counted).toBe(ago(5));
  });
});

describe('what happens to a builder', () => {
  it('is made, ready and used, of a pod', () => {
    const pod = aBuilder(aTicket('t'), { phase: 'Ended', startedAt: ago(7), endedAt: ago(2) });
    expect(eventsOf(pod)).toMatchObject([
      { kind: 'made', at: NOW - 10_000 },
      { kind: 'ready', seconds: 3 },
      { kind: 'used', seconds: 5 },
    ]);
  });

  it('is used as often as it serves a ticket, of a machine', () => {
    const session = { ticket: 'one', phase: 'Ended', startedAt: ago(60), endedAt: ago(20) } as const;
    const machine = aMachine({ status: { phase: 'Ready', startedAt: ago(90), startSeconds: 45, session } });
    expect(eventsOf(machine)).toMatchObject([
      { kind: 'made' },
      { kind: 'ready', seconds: 45 },
      { kind: 'used', id: 'used one', seconds: 40 },
    ]);
  });

  it('is a failed start when it was never ready', () => {
    const lost = aMachine({ status: { phase: 'Lost', reason: 'StartTimeout', message: 'no', endedAt: ago(1) } });
    expect(eventsOf(lost)).toMatchObject([{ kind: 'made' }, { kind: 'failed', message: 'no' }]);
  });
});

const POOL = 'kopr-builds/cloud';

function machine(name: string, readyAt: number): Builder {
  return aMachine({ metadata: { name }, status: { phase: 'Ready', startedAt: ago(readyAt), startSeconds: 1 } });
}

describe('a tally', () => {
  it('takes an event in once, however often it is seen', () => {
    const tally = new Tally();
    expect(tally.see(POOL, machine('a', 5))).toHaveLength(2);
    expect(tally.see(POOL, machine('a', 5))).toHaveLength(0);
    expect(tally.open(POOL, undefined).map(({ kind }) => kind)).toEqual(['made', 'ready']);
  });

  it('keeps what could not be written down, and nothing else', () => {
    const tally = new Tally();
    tally.see(POOL, machine('a', 5));
    const first = tally.open(POOL, undefined);
    tally.see(POOL, machine('b', 3));
    tally.close(POOL, first);
    tally.see(POOL, machine('a', 5));
    expect(tally.open(POOL, ago(5))).toHaveLength(2);
  });

  it('does not count what an earlier process has counted', () => {
    const tally = new Tally();
    tally.see(POOL, machine('a', 5));
    tally.see(POOL, machine('b', 3));
    expect(tally.open(POOL, ago(5)).map(({ kind, at }) => [kind, at])).toEqual([['ready', NOW - 3_000]]);
    // Within the process the time does not matter: clocks of nodes differ.
    tally.see(POOL, machine('c', 4));
    expect(tally.open(POOL, ago(3))).toHaveLength(2);
  });

  it('counts a Builder that is gone before anybody has looked', () => {
    const tally = new Tally();
    tally.see(POOL, machine('a', 5));
    tally.gone(POOL, 'uid-a');
    expect(tally.open(POOL, undefined)).toHaveLength(2);
  });

  it('forgets a pool that is gone', () => {
    const tally = new Tally();
    tally.see(POOL, machine('a', 5));
    tally.forget(POOL);
    expect(tally.open(POOL, undefined)).toEqual([]);
  });
});
