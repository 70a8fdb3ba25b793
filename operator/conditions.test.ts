import { expect, test } from 'vitest';

import type { Condition } from './conditions.ts';
import { findCondition, isFalse, isTrue, setCondition } from './conditions.ts';

const T1 = '2026-01-01T00:00:00Z';
const T2 = '2026-01-01T01:00:00Z';
const building = { type: 'Succeeded', status: 'Unknown', reason: 'Building', message: 'building' } as const;

test('a new condition is appended with the time it was first seen', () => {
  expect(setCondition(undefined, building, 3, T1)).toEqual([
    { ...building, lastTransitionTime: T1, observedGeneration: 3 },
  ]);
});

test('the time moves only when the status flips', () => {
  const first = setCondition([], building, 1, T1);
  const second = setCondition(first, { ...building, reason: 'Publishing', message: 'publishing' }, 1, T2);
  expect(second[0]).toMatchObject({ reason: 'Publishing', lastTransitionTime: T1 });
  const third = setCondition(second, { ...building, status: 'True', reason: 'Succeeded' }, 1, T2);
  expect(third[0]).toMatchObject({ status: 'True', lastTransitionTime: T2 });
});

test('repeating a condition gives a list that is deep-equal, and never changes its input', () => {
  const list: Condition[] = Object.freeze(setCondition([], building, 1, T1)) as Condition[];
  expect(setCondition(list, building, 1, T2)).toEqual(list);
});

test('other conditions and their order stay', () => {
  const other: Condition = {
    type: 'Complete',
    status: 'False',
    reason: 'Running',
    message: '',
    lastTransitionTime: T1,
  };
  const list = setCondition([other], building, undefined, T1);
  const again = setCondition(list, { ...other, status: 'True' }, undefined, T2);
  expect(again.map((c) => [c.type, c.status])).toEqual([
    ['Complete', 'True'],
    ['Succeeded', 'Unknown'],
  ]);
  expect('observedGeneration' in (again[0] as Condition)).toBe(false);
});

test('a missing condition is neither true nor false', () => {
  expect([isTrue(undefined, 'X'), isFalse([], 'X'), findCondition([], 'X')]).toEqual([false, false, undefined]);
  const list = setCondition([], { ...building, status: 'False' }, 1, T1);
  expect([isTrue(list, 'Succeeded'), isFalse(list, 'Succeeded')]).toEqual([false, true]);
});
