import { expect, test } from 'vitest';

import { toMicroTime } from './microTime.ts';

test.each([
  [1_767_225_600_000, '2026-01-01T00:00:00.000000Z'],
  [1_767_225_600_007.9, '2026-01-01T00:00:00.007000Z'],
])('%d is the MicroTime %s', (ms, text) => {
  expect(toMicroTime(ms)).toBe(text);
});
