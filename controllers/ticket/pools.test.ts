import { describe, expect, it } from 'vitest';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { ago, aPool, aTicket, NOW } from '../testing/objects.ts';
import { isServable } from './pools.ts';
import { planOf } from './testing/plan.ts';
import { aWorld, served, tickets } from './testing/worlds.ts';

function gone(pool: BuilderPool): BuilderPool {
  return { ...pool, metadata: { ...pool.metadata, deletionTimestamp: ago(1) } };
}

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
    const plan = planOf(aWorld({ tickets: [ticket], pools: [aPool('a', a), aPool('b', b)] }), NOW);
    expect(plan.assign).toMatchObject([{ pool }]);
  });

  it('a pool that is being deleted gets nothing', () => {
    const pools = [gone(aPool('default'))];
    expect(planOf(aWorld({ tickets: tickets('a/p/1'), pools }), NOW).waiting).toMatchObject([{ reason: 'NoPool' }]);
  });

  it.each([
    { title: 'full', pool: aPool('a', { max: 0 }), servable: true },
    { title: 'suspended', pool: aPool('a', { suspend: true }), servable: true },
    { title: 'of another architecture', pool: aPool('a', { architectures: ['s390x'] }), servable: false },
    { title: 'without the tag', pool: aPool('a'), tags: ['big'], servable: false },
    { title: 'being deleted', pool: gone(aPool('a')), servable: false },
  ])('a pool that is $title could serve a ticket some day: $servable', ({ pool, tags = [], servable }) => {
    expect(isServable(aTicket('t', { tags }), [pool])).toBe(servable);
  });

  it('noarch stages fit every pool', () => {
    const pools = [aPool('default', { architectures: ['s390x'] })];
    expect(served({ tickets: [aTicket('t', { architecture: 'noarch' })], pools })).toEqual(['t']);
  });
});
