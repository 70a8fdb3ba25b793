import { describe, expect, it } from 'vitest';
import { slopeOf, verdictOf } from './soak.ts';

describe('slopeOf', () => {
  it('finds the growth of samples on a line, and how far off it may be', () => {
    const exact = slopeOf([0, 1, 2, 3].map((hours) => [hours, 100 + 7 * hours]));
    expect(exact.perHour).toBeCloseTo(7);
    expect(exact.error).toBeCloseTo(0);
    const flat = slopeOf([0, 1, 2, 3, 4, 5].map((hours) => [hours, hours % 2 === 0 ? 101 : 99]));
    expect(Math.abs(flat.perHour)).toBeLessThan(flat.error);
  });

  it('knows nothing from two samples', () => {
    expect(
      slopeOf([
        [0, 1],
        [1, 2],
      ]).error,
    ).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('verdictOf', () => {
  it.each([
    ['steady', 1, 2],
    ['steady', -9, 12],
    ['unclear', 4, 2],
    ['unclear', 0, Number.POSITIVE_INFINITY],
    ['grows', 8, 2],
  ])('is %s for %d ± %d MB an hour', (verdict, perHour, error) => {
    expect(verdictOf({ perHour, error })).toBe(verdict);
  });
});
