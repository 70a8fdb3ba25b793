import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedLock, QueueFullError, Semaphore } from './locks.ts';

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};
const jobs = fc.array(
  fc.record({ key: fc.constantFrom('a', 'b', 'c'), turns: fc.nat({ max: 5 }), fails: fc.boolean() }),
);

describe('a semaphore', () => {
  it('runs everything in order and never more than its slots at a time, failures or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), jobs, async (slots, list) => {
        const semaphore = new Semaphore(slots);
        const started: number[] = [];
        let running = 0;
        const results = await Promise.allSettled(
          list.map((job, index) =>
            semaphore.run(async () => {
              started.push(index);
              running += 1;
              expect(running).toBeLessThanOrEqual(slots);
              await turns(job.turns);
              running -= 1;
              if (job.fails) throw new Error('as planned');
            }),
          ),
        );
        expect(started).toEqual(list.map((_, index) => index));
        expect(results.map((result) => result.status === 'rejected')).toEqual(list.map((job) => job.fails));
        expect(semaphore.queued).toBe(0);
      }),
    );
  });
});

describe('one who waits for a semaphore', () => {
  it('leaves the queue when told to, and takes nobody’s turn', async () => {
    const semaphore = new Semaphore(1);
    let finish = (): void => undefined;
    const first = semaphore.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const impatient = new AbortController();
    const ran: string[] = [];
    const second = semaphore.run(async () => ran.push('second'), impatient.signal);
    const third = semaphore.run(async () => ran.push('third'));
    impatient.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    expect(semaphore.queued).toBe(1);
    finish();
    await Promise.all([first, third]);
    await expect(semaphore.run(async () => ran.push('late'), impatient.signal)).rejects.toThrow('enough');
    expect(ran).toEqual(['third']);
  });
});

describe('a semaphore with a limit', () => {
  it('refuses who comes when too many wait, and nobody else', async () => {
    const semaphore = new Semaphore(1, { maxWaiting: 1, what: 'a test' });
    const failing = semaphore.run(() => Promise.reject(new Error('failed')));
    const waiting = semaphore.run(async () => 'done');
    const refused = semaphore.run(async () => 'never');
    await expect(refused).rejects.toThrow('too many requests are waiting for a test; try again later');
    await expect(refused).rejects.toBeInstanceOf(QueueFullError);
    await expect(failing).rejects.toThrow('failed');
    expect(await waiting).toBe('done');
    expect(await semaphore.run(async () => 'again')).toBe('again');
  });
});

describe('a keyed lock', () => {
  it('keeps users of one key apart and is empty in the end', async () => {
    await fc.assert(
      fc.asyncProperty(jobs, async (list) => {
        const lock = new KeyedLock();
        const inside = new Set<string>();
        const begun: number[] = [];
        await Promise.allSettled(
          list.map((job, index) =>
            lock.run(job.key, async () => {
              expect(inside.has(job.key)).toBe(false);
              expect(lock.has(job.key)).toBe(true);
              inside.add(job.key);
              begun.push(index);
              await turns(job.turns);
              inside.delete(job.key);
              if (job.fails) throw new Error('as planned');
            }),
          ),
        );
        expect(lock.size).toBe(0);
        for (const key of ['a', 'b', 'c']) {
          const order = begun.filter((index) => list[index]?.key === key);
          expect(order).toEqual([...order].sort((a, b) => a - b));
        }
      }),
    );
  });

  it('lets different keys run at the same time', async () => {
    const lock = new KeyedLock();
    const order: string[] = [];
    let release = (): void => undefined;
    const held = lock.run(
      'a',
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    await lock.run('b', async () => {
      order.push('b');
    });
    release();
    await held;
    expect(order).toEqual(['b']);
  });
});
