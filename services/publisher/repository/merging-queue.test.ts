import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MergingQueue } from './merging-queue.ts';

/** A run that ends when it is told to. */
interface Started {
  key: string;
  requests: readonly number[];
  end: (result: string) => void;
  fail: (error: Error) => void;
}

function manual(concurrency = 2, maxBatch = 100) {
  const started: Started[] = [];
  const queue = new MergingQueue<number, string>({
    run: async (key, requests) => {
      const result = await new Promise<string>((resolve, reject) =>
        started.push({ key, requests, end: resolve, fail: reject }),
      );
      return requests.map(() => ({ result }));
    },
    concurrency,
    maxBatch,
  });
  return { queue, started };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the merging queue', () => {
  it('answers everything that arrives during a run with the next run', async () => {
    const { queue, started } = manual();
    const first = queue.push('a', 1);
    await settle();
    const others = [2, 3, 4].map((n) => queue.push('a', n));
    await settle();
    expect(started.map((run) => run.requests)).toEqual([[1]]);
    started[0]?.end('one');
    expect(await first).toBe('one');
    await settle();
    expect(started.map((run) => run.requests)).toEqual([[1], [2, 3, 4]]);
    started[1]?.end('rest');
    expect(await Promise.all(others)).toEqual(['rest', 'rest', 'rest']);
    await queue.idle();
  });

  it('takes no more into a run than its cap', async () => {
    const { queue, started } = manual(1, 3);
    const all = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => queue.push('a', n));
    for (let n = 0; n < 4; n++) {
      await settle();
      started[n]?.end('done');
    }
    await Promise.all(all);
    expect(started.map((run) => run.requests.length)).toEqual([1, 3, 3, 1]);
  });

  it('runs so many keys at once as it may, and takes turns with a busy one', async () => {
    const { queue, started } = manual(2);
    const all = ['a', 'b', 'c'].map((key) => queue.push(key, 1));
    await settle();
    expect(started.map((run) => run.key)).toEqual(['a', 'b']);
    all.push(queue.push('a', 2));
    started[0]?.end('done');
    await settle();
    expect(started.map((run) => run.key)).toEqual(['a', 'b', 'c']);
    started[1]?.end('done');
    await settle();
    expect(started.map((run) => run.key)).toEqual(['a', 'b', 'c', 'a']);
    for (const run of started) run.end('done');
    await Promise.all(all);
  });

  it('fails the requests of a failed run alone', async () => {
    const { queue, started } = manual();
    const failing = queue.push('a', 1);
    failing.catch(() => undefined);
    await settle();
    const later = queue.push('a', 2);
    started[0]?.fail(new Error('broken'));
    await expect(failing).rejects.toThrow('broken');
    await settle();
    started[1]?.end('fine');
    expect(await later).toBe('fine');
  });

  it('gives every request an answer of its own, even one that was forgotten', async () => {
    const queue = new MergingQueue<number, string>({
      run: async (_key, requests) =>
        requests.slice(0, 3).map((n) => (n === 3 ? { error: new Error('three') } : { result: `answer ${n}` })),
      concurrency: 1,
      maxBatch: 100,
    });
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => queue.push('a', n)));
    expect(results.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)))).toEqual([
      'answer 1',
      'answer 2',
      'Error: three',
      'answer 4',
      'Error: the run has left a request without an answer',
    ]);
  });

  it('answers every request once, in a run of its key, never two runs of a key at once and never more than allowed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), delay: fc.nat(3) }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        async (requests, concurrency, maxBatch) => {
          const running = new Set<string>();
          const answered: number[] = [];
          const queue = new MergingQueue<number, string>({
            run: async (key, batch) => {
              expect(running.has(key)).toBe(false);
              expect(batch.length).toBeGreaterThan(0);
              expect(batch.length).toBeLessThanOrEqual(maxBatch);
              running.add(key);
              expect(running.size).toBeLessThanOrEqual(concurrency);
              await settle();
              running.delete(key);
              answered.push(...batch);
              return batch.map(() => ({ result: key }));
            },
            concurrency,
            maxBatch,
          });
          const results: Promise<string>[] = [];
          for (const [n, { key, delay }] of requests.entries()) {
            results.push(queue.push(key, n));
            for (let turn = 0; turn < delay; turn++) await settle();
          }
          expect(await Promise.all(results)).toEqual(requests.map((each) => each.key));
          await queue.idle();
          expect(answered.sort((a, b) => a - b)).toEqual(requests.map((_, n) => n));
        },
      ),
      { numRuns: 50 },
    );
  });
});
