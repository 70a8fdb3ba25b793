import { describe, expect, it } from 'vitest';
import { measure, summarize } from './measure.ts';

describe('measure', () => {
  it('runs the work for one round to warm up and three that count', () => {
    let runs = 0;
    measure(7, () => {
      runs++;
    });
    expect(runs).toBe(28);
  });

  it('counts the time that the work takes, and not the time that it waits', () => {
    const spin = measure(3, () => {
      const end = performance.now() + 20;
      while (performance.now() < end);
    });
    expect(spin).toBeGreaterThan(1);
    const idle = measure(3, () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    });
    expect(idle).toBeLessThan(spin);
  });
});

describe('summarize', () => {
  it('knows mean, median and the worst of a hundred', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(summarize(values)).toEqual({ mean: 50.5, p50: 51, p99: 100 });
    expect(summarize([7])).toEqual({ mean: 7, p50: 7, p99: 7 });
  });
});
