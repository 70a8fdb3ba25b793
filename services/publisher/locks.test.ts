import { describe, expect, it } from 'vitest';
import { KeyedLock, Semaphore } from './locks.ts';

describe('a keyed lock', () => {
  it('runs one function at a time per key, in order, past failures', async () => {
    const lock = new KeyedLock();
    const events: string[] = [];
    const work =
      (name: string, fail = false) =>
      async (): Promise<string> => {
        events.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`${name} ends`);
        if (fail) throw new Error(name);
        return name;
      };
    const results = await Promise.allSettled([
      lock.run('a', work('one', true)),
      lock.run('a', work('two')),
      lock.run('b', work('other')),
    ]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(events.filter((event) => !event.startsWith('other'))).toEqual([
      'one begins',
      'one ends',
      'two begins',
      'two ends',
    ]);
    expect(events.indexOf('other begins')).toBeLessThan(events.indexOf('one ends'));
  });
});

describe('a semaphore', () => {
  it('lets so many in at once as it has places, past failures', async () => {
    const semaphore = new Semaphore(2);
    let inside = 0;
    let most = 0;
    const work = async (n: number): Promise<void> => {
      inside++;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      if (n % 3 === 0) throw new Error('third');
    };
    const results = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => semaphore.run(() => work(n))));
    expect(results.filter((result) => result.status === 'rejected')).toHaveLength(4);
    expect([most, inside]).toEqual([2, 0]);
  });
});
