import { describe, expect, it } from 'vitest';
import type { Figure, Ranges } from './ranges.ts';
import { better, judge, table } from './ranges.ts';

const KNOWN: Ranges = {
  calibration: { date: '2026-11-24', node: 'v24', machine: '2 cores', referenceMs: 10 },
  figures: { cycle: 5, memory: 100, dispatches: 60 },
};

describe('judge', () => {
  it.each<{ title: string; figure: Figure; reference?: number; limit: number | undefined; good: boolean }>([
    { title: 'a fifth worse passes', figure: { name: 'cycle', value: 6, unit: 'ms' }, limit: 6, good: true },
    { title: 'more does not', figure: { name: 'cycle', value: 6.1, unit: 'ms' }, limit: 6, good: false },
    {
      title: 'a slower machine has more time',
      figure: { name: 'cycle', value: 12, unit: 'ms' },
      reference: 20,
      limit: 12,
      good: true,
    },
    {
      title: 'a faster machine has no less',
      figure: { name: 'cycle', value: 6, unit: 'ms' },
      reference: 1,
      limit: 6,
      good: true,
    },
    {
      title: 'a rough one may be twice as bad',
      figure: { name: 'cycle', value: 10, unit: 'ms', rough: true },
      limit: 10,
      good: true,
    },
    {
      title: 'a rough rate may be half as good',
      figure: { name: 'dispatches', value: 29, unit: '/s', rough: true },
      limit: 30,
      good: false,
    },
    {
      title: 'a slower machine writes no more',
      figure: { name: 'writes', value: 21, unit: 'writes', target: 20 },
      reference: 20,
      limit: 20,
      good: false,
    },
    {
      title: 'a target counts when it is stricter',
      figure: { name: 'cycle', value: 5, unit: 'ms', target: 4 },
      limit: 4,
      good: false,
    },
    {
      title: 'a slower machine has no more memory',
      figure: { name: 'memory', value: 121, unit: 'MB' },
      reference: 20,
      limit: 120,
      good: false,
    },
    {
      title: 'a rate must not be a fifth lower',
      figure: { name: 'dispatches', value: 50, unit: '/s' },
      limit: 50,
      good: true,
    },
    {
      title: 'a rate lower than that fails',
      figure: { name: 'dispatches', value: 49, unit: '/s' },
      limit: 50,
      good: false,
    },
    {
      title: 'a rate below its target fails',
      figure: { name: 'new', value: 19, unit: '/s', target: 20 },
      limit: 20,
      good: false,
    },
    {
      title: 'what is new only has its target',
      figure: { name: 'new', value: 9, unit: 'ms', target: 10 },
      limit: 10,
      good: true,
    },
    {
      title: 'what is new and has none passes',
      figure: { name: 'new', value: 9, unit: 'ms' },
      limit: undefined,
      good: true,
    },
  ])('$title', ({ figure, reference = 10, limit, good }) => {
    const [verdict] = judge([figure], KNOWN, reference);
    expect(verdict?.good).toBe(good);
    if (limit === undefined) expect(verdict?.limit).toBeUndefined();
    else expect(verdict?.limit).toBeCloseTo(limit);
  });
});

describe('table', () => {
  it('shows what was measured, the limit and the verdict', () => {
    const figures: Figure[] = [
      { name: 'cycle', value: 5.1234, unit: 'ms' },
      { name: 'dispatches', value: 10, unit: '/s' },
    ];
    expect(table(judge(figures, KNOWN, 10))).toBe(
      ['figure      measured  limit', 'cycle       5.12 ms   <= 6   ok', 'dispatches  10 /s     >= 50  MISSED'].join(
        '\n',
      ),
    );
  });
});

describe('better', () => {
  it('takes the better measurement of each figure', () => {
    const one: Figure[] = [
      { name: 'cycle', value: 5, unit: 'ms' },
      { name: 'dispatches', value: 60, unit: '/s' },
      { name: 'memory', value: 90, unit: 'MB' },
    ];
    const two: Figure[] = [
      { name: 'cycle', value: 4, unit: 'ms' },
      { name: 'dispatches', value: 50, unit: '/s' },
    ];
    expect(better(one, two).map(({ value }) => value)).toEqual([4, 60, 90]);
  });
});
