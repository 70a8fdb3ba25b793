import { describe, expect, it } from 'vitest';
import { ago, aPool, aTicket, NOW } from '../testing/objects.ts';
import { schedule } from './schedule.ts';
import { waitingOf } from './testing/cluster.ts';
import { aWorld, served, tickets } from './testing/worlds.ts';

describe('the choice of a pool', () => {
  const big = { name: 'big', priority: 10 };
  it.each([
    { title: 'the one with more free places', a: { max: 2 }, b: { max: 3 }, tags: [], pool: 'b' },
    { title: 'the lesser name between equals', a: { max: 2 }, b: { max: 2 }, tags: [], pool: 'a' },
    { title: 'one that has the tag', a: { max: 9 }, b: { max: 1, tags: [big] }, tags: ['big'], pool: 'b' },
    {
      title: 'the higher priority for the tag',
      a: { max: 9, tags: [{ name: 'big', priority: 1 }] },
      b: { max: 1, tags: [big] },
      tags: ['big'],
      pool: 'b',
    },
    {
      title: 'the lower priority when the higher one is full',
      a: { max: 9, tags: [{ name: 'big', priority: 1 }] },
      b: { max: 0, tags: [big] },
      tags: ['big'],
      pool: 'a',
    },
    {
      title: 'one that has all the tags',
      a: { max: 9, tags: [big] },
      b: { max: 1, tags: [{ name: 'ssd', priority: 0 }, big] },
      tags: ['big', 'ssd'],
      pool: 'b',
    },
    { title: 'one that is not suspended', a: { max: 9, suspend: true }, b: { max: 1 }, tags: [], pool: 'b' },
  ])('is $title', ({ a, b, tags, pool }) => {
    const ticket = aTicket('t', { tags });
    const plan = schedule(aWorld({ tickets: [ticket], pools: [aPool('a', a), aPool('b', b)] }), NOW);
    expect(plan.assign).toMatchObject([{ pool }]);
  });

  it('a pool that is being deleted gets nothing', () => {
    const doomed = aPool('default');
    const pools = [{ ...doomed, metadata: { ...doomed.metadata, deletionTimestamp: ago(1) } }];
    expect(waitingOf(schedule(aWorld({ tickets: tickets('a/p/1'), pools }), NOW))).toMatchObject([
      { reason: 'NoPool' },
    ]);
  });

  it('noarch stages fit every pool', () => {
    const pools = [aPool('default', { architectures: ['s390x'] })];
    expect(served({ tickets: [aTicket('t', { architecture: 'noarch' })], pools })).toEqual(['t']);
  });
});
