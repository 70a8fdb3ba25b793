import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { aBuilder, ago, aPool, NOW } from '../testing/objects.ts';
import { SHOWN_POSITIONS, schedule } from './schedule.ts';
import { waitingOf } from './testing/cluster.ts';
import { aWorld, running, served, tickets } from './testing/worlds.ts';

describe('limits', () => {
  it.each([
    { max: 3, maxStarting: 9, free: 3 },
    { max: 9, maxStarting: 2, free: 2 },
    { max: 0, maxStarting: 9, free: 0 },
  ])('a pool with max $max and maxStarting $maxStarting takes $free at once', ({ max, maxStarting, free }) => {
    const pools = [aPool('default', { max, maxStarting })];
    expect(served({ tickets: tickets('a/p/1', 'a/p/2', 'a/p/3', 'a/p/4'), pools })).toHaveLength(free);
  });

  it.each([
    { phase: 'Running', taken: true, starting: false },
    { phase: 'Starting', taken: true, starting: true },
    { phase: undefined, taken: true, starting: true },
    { phase: 'Ended', taken: false, starting: false },
    { phase: 'Lost', taken: false, starting: false },
  ] as const)(
    'a builder that is $phase takes a place: $taken, a starting one: $starting',
    ({ phase, taken, starting }) => {
      const { tickets: busy, builders } = running('a/p/r');
      const one = builders.map((b) => ({ ...b, status: phase === undefined ? {} : { phase } })) as Builder[];
      const all = [...busy, ...tickets('b/p/1', 'b/p/2', 'b/p/3')];
      expect(served({ tickets: all, builders: one, pools: [aPool('default', { max: 2 })] })).toHaveLength(
        taken ? 1 : 2,
      );
      const pools = [aPool('default', { max: 9, maxStarting: 2 })];
      expect(served({ tickets: all, builders: one, pools })).toHaveLength(starting ? 1 : 2);
    },
  );

  it.each([
    { title: 'of the owner', quota: { maxRunning: 2 }, sentence: 'owner a runs 2 stages' },
    { title: 'of the sandbox', quota: { maxRunningPerSandbox: 2 }, sentence: 'project a/p runs 2 stages' },
    {
      title: 'of the architecture',
      quota: { architectures: [{ name: 'x86_64', max: 2 }] },
      sentence: 'owner a runs 2 stages on x86_64',
    },
    { title: 'of a tag', quota: { tags: [{ name: 'big', max: 2 }] }, sentence: 'owner a runs 2 stages with tag big' },
  ])('the quota $title holds within one cycle, and is explained', ({ quota, sentence }) => {
    const tagged = tickets('a/p/1', 'a/p/2', 'a/p/3').map((t) => ({ ...t, spec: { ...t.spec, tags: ['big'] } }));
    const pools = [aPool('default', { tags: [{ name: 'big', priority: 0 }] })];
    const plan = schedule(aWorld({ tickets: tagged, pools, defaultQuota: { weight: 100, ...quota } }), NOW);
    expect(plan.assign).toHaveLength(2);
    expect(waitingOf(plan)).toMatchObject([{ reason: 'QuotaExceeded', position: undefined }]);
    expect(waitingOf(plan)[0]?.message).toContain(sentence);
  });

  it("an owner's own quota replaces the default one", () => {
    const quotas = new Map([['a', { weight: 100 }]]);
    const all = tickets('a/p/1', 'a/p/2', 'b/p/1', 'b/p/2');
    const defaultQuota = { weight: 100, maxRunning: 1 };
    expect(served({ tickets: all, quotas, defaultQuota })).toEqual(['a/p/1', 'b/p/1', 'a/p/2']);
  });

  it('a suspended project gets nothing, the other ones of its owner do', () => {
    const plan = schedule(aWorld({ tickets: tickets('a/p/1', 'a/q/1'), suspended: new Set(['a/p']) }), NOW);
    expect(plan.assign.map(({ ticket }) => ticket.metadata.name)).toEqual(['a/q/1']);
    expect(waitingOf(plan)).toMatchObject([{ reason: 'ProjectSuspended', message: 'Project "p" is suspended' }]);
  });
});

describe('what tickets are told', () => {
  it.each([
    { title: 'no pool has its architecture', pool: { architectures: ['ppc64le'] }, reason: 'NoPool' },
    { title: 'its pool is suspended', pool: { suspend: true }, reason: 'PoolSuspended' },
    { title: 'its pool is full', pool: { max: 0 }, reason: 'PoolFull' },
  ])('$reason when $title', ({ pool, reason }) => {
    const plan = schedule(aWorld({ tickets: tickets('a/p/1'), pools: [aPool('default', pool)] }), NOW);
    expect(waitingOf(plan)).toMatchObject([{ reason, message: expect.stringMatching(/^[a-z].*[^.]$/) }]);
  });

  it('PoolPaused, and the next cycle is due when the pause ends', () => {
    const pools = [aPool('default', {}, { pausedUntil: ago(-30) }), aPool('other', {}, { pausedUntil: ago(-20) })];
    const plan = schedule(aWorld({ tickets: tickets('a/p/1'), pools }), NOW);
    expect(waitingOf(plan)).toMatchObject([{ reason: 'PoolPaused', position: 0 }]);
    expect(plan.wakeAt).toBe(NOW + 20_000);
    expect(schedule(aWorld({ tickets: tickets('a/p/1'), pools }), NOW + 30_000).assign).toHaveLength(1);
  });

  it('positions in the order in which they will be served, with shares growing as they are', () => {
    const all = tickets('a/p/1', 'a/p/2', 'a/p/3', 'b/p/1', 'b/p/2');
    const plan = schedule(aWorld({ tickets: all, pools: [aPool('default', { max: 0 })] }), NOW);
    const shown = waitingOf(plan).map(({ ticket, position }) => [position, ticket.metadata.name]);
    expect(shown).toEqual([
      [0, 'a/p/1'],
      [1, 'b/p/1'],
      [2, 'a/p/2'],
      [3, 'b/p/2'],
      [4, 'a/p/3'],
    ]);
  });

  it('no position behind tickets that nothing will serve', () => {
    const [stuck, next] = tickets('a/p/1', 'b/p/1');
    const exotic = { ...stuck, spec: { ...stuck?.spec, architecture: 's390x' } } as BuilderTicket;
    const pools = [aPool('default', { max: 0 })];
    const plan = schedule(aWorld({ tickets: [exotic, next as BuilderTicket], pools }), NOW);
    expect(waitingOf(plan).map(({ reason, position }) => [reason, position])).toEqual([
      ['PoolFull', 0],
      ['NoPool', undefined],
    ]);
  });

  it(`exact positions for the first ${SHOWN_POSITIONS} only`, () => {
    const names = Array.from({ length: SHOWN_POSITIONS + 20 }, (_, i) => `a/p/${i}`);
    const plan = schedule(aWorld({ tickets: tickets(...names), pools: [aPool('default', { max: 0 })] }), NOW);
    const waiting = waitingOf(plan);
    expect(waiting.map(({ position }) => position).filter((position) => position !== undefined)).toEqual(
      names.slice(0, SHOWN_POSITIONS).map((_, index) => index),
    );
    expect(waiting).toHaveLength(names.length);
  });
});

describe('after a crash', () => {
  it('a ticket whose Builder was made already is assigned to that one, and takes one place', () => {
    const [told, next] = tickets('a/p/1', 'a/p/2');
    const builders = [aBuilder(told as BuilderTicket, undefined, 'other')];
    const pools = [aPool('default', { max: 1 }), aPool('other', { max: 1 })];
    const plan = schedule(aWorld({ tickets: [told, next] as BuilderTicket[], builders, pools }), NOW);
    expect(plan.assign.map(({ ticket, pool }) => [ticket.metadata.name, pool])).toEqual([
      ['a/p/1', 'other'],
      ['a/p/2', 'default'],
    ]);
  });

  it('an assigned ticket is left alone even when its Builder is not to be seen', () => {
    const [ticket] = running('a/p/1').tickets;
    expect(schedule(aWorld({ tickets: [ticket as BuilderTicket] }), NOW)).toMatchObject({
      assign: [],
      next: [],
      rest: [],
    });
  });
});
