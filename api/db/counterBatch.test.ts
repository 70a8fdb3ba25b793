import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { createCounterBatch } from './counterBatch.ts';
import type { Increment } from './database.ts';
import { DatabaseAway } from './errors.ts';

function setUp() {
  const written: Increment[][] = [];
  const state = { away: false };
  const counters = {
    increment(increments: readonly Increment[]): Promise<void> {
      if (state.away) return Promise.reject(new DatabaseAway('away'));
      written.push([...increments]);
      return Promise.resolve();
    },
    get: () => Promise.resolve(new Map<string, number>()),
  };
  return { written, state, batch: createCounterBatch({ counters, clock: new FakeClock(), log: quietLog }) };
}

describe('a batch of counters', () => {
  it('writes the sums in one statement, in order', async () => {
    const { batch, written } = setUp();
    batch.add('download', 'b');
    batch.add('download', 'a', 2);
    batch.add('download', 'b', 4);
    await batch.flush();
    await batch.flush();
    expect(written).toEqual([
      [
        { name: 'download', key: 'a', by: 2 },
        { name: 'download', key: 'b', by: 5 },
      ],
    ]);
    await batch.stop();
  });

  it('keeps what it could not write', async () => {
    const { batch, written, state } = setUp();
    state.away = true;
    batch.add('download', 'a');
    await batch.flush();
    batch.add('download', 'a');
    state.away = false;
    await batch.stop();
    expect(written).toEqual([[{ name: 'download', key: 'a', by: 2 }]]);
  });

  it('stays bounded while the database is away', async () => {
    const { batch, written, state } = setUp();
    state.away = true;
    for (let index = 0; index < 10_050; index += 1) batch.add('download', `key${index}`);
    await batch.flush();
    state.away = false;
    await batch.stop();
    expect(written[0]).toHaveLength(10_000);
  });
});
