import { expect, it } from 'vitest';
import { growth } from './growth.ts';
import type { Figure } from './ranges.ts';

it('shows side by side what was measured with different numbers waiting', () => {
  const figures: Figure[] = [
    { name: 'outlook, 10k waiting', value: 20, unit: 'ms' },
    { name: 'outlook, 1k waiting', value: 2.345, unit: 'ms' },
    { name: '1k builds queued, memory of the operator', value: 150, unit: 'MB' },
    { name: '5k builds queued, memory of the operator', value: 250, unit: 'MB' },
    { name: 'memory, 10k waiting', value: 90, unit: 'MB' },
    { name: 'something else', value: 1, unit: '/s' },
  ];
  expect(growth(figures)).toBe(
    [
      'with so much waiting                     1k    5k   10k',
      'outlook (in memory, ms)                  2.35  -    20',
      'memory of the operator (API server, MB)  150   250  -',
    ].join('\n'),
  );
  expect(growth([{ name: 'something else', value: 1, unit: '/s' }])).toBe('');
});
