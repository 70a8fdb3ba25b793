import { describe, expect, it } from 'vitest';
import { inParallel } from './parallel.ts';

describe('inParallel', () => {
  it('does everything, no more than the limit at a time', async () => {
    let [running, most] = [0, 0];
    const done: number[] = [];
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      done.push(item);
    });
    expect([done.sort(), most]).toEqual([[1, 2, 3, 4, 5, 6, 7], 3]);
  });

  it('does the rest when one fails, then throws its error', async () => {
    const done: number[] = [];
    const work = inParallel([1, 2, 3], 1, async (item) => {
      if (item === 1) throw new Error('the first one');
      done.push(item);
    });
    await expect(work).rejects.toThrow('the first one');
    expect(done).toEqual([2, 3]);
  });

  it('has nothing to do with nothing', async () => {
    await expect(inParallel([], 8, () => Promise.reject(new Error('never')))).resolves.toBeUndefined();
  });
});
