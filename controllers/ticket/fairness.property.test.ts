import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPool } from '../testing/objects.ts';
import { SimulatedCluster } from './testing/cluster.ts';

describe('a queue that never empties', () => {
  /** Serves `rounds` stages one after the other; every owner has as many tickets as it likes. Owners as served. */
  function serve(weights: Record<string, number>, backlog: Record<string, number>, rounds: number): string[] {
    const cluster = new SimulatedCluster([aPool('default', { max: 3, maxStarting: 3 })]);
    for (const [name, weight] of Object.entries(weights)) cluster.quotas.set(name, { weight });
    for (const [name, count] of Object.entries(backlog)) {
      for (let i = 0; i < count; i++) cluster.arrive(name, 'p');
    }
    const order: string[] = [];
    while (order.length < rounds) {
      cluster.now += 1000;
      for (const { ticket: served } of cluster.cycle().assign) {
        order.push(served.spec.owner);
        cluster.arrive(served.spec.owner, 'p');
      }
      const [oldest] = cluster.in('Starting');
      if (oldest !== undefined) cluster.complete(oldest);
    }
    return order;
  }

  it('starves nobody among equals: served counts stay within the number of places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 3 }), (many, few) => {
        const order = serve({}, { a: many, b: few, c: few }, 90);
        const counts = ['a', 'b', 'c'].map((name) => order.filter((each) => each === name).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(3);
      }),
      { numRuns: 20 },
    );
  });

  it('serves owners in proportion to their weights', () => {
    const order = serve({ a: 200, b: 100 }, { a: 5, b: 5 }, 90);
    const share = order.filter((each) => each === 'a').length / order.length;
    expect(share).toBeGreaterThan(0.6);
    expect(share).toBeLessThan(0.73);
  });
});
