import { describe, expect, it } from 'vitest';
import { Limiter } from './limiter.ts';

describe('Limiter', () => {
  it('runs no more than its limit at a time and in order', async () => {
    const limiter = new Limiter(2, 10);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const task = (index: number) => async (): Promise<void> => {
      order.push(index);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    await Promise.all(Array.from({ length: 8 }, (_, index) => limiter.run('a test', task(index))));
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('gives its slot back after a failure, and refuses when too many wait', async () => {
    const limiter = new Limiter(1, 1);
    const failing = limiter.run('a test', async () => {
      throw new Error('failed');
    });
    const waiting = limiter.run('a test', async () => 'done');
    await expect(limiter.run('a test', async () => 'never')).rejects.toThrow(
      'too many requests are waiting for a test',
    );
    await expect(failing).rejects.toThrow('failed');
    expect(await waiting).toBe('done');
    expect(await limiter.run('a test', async () => 'again')).toBe('again');
  });
});
