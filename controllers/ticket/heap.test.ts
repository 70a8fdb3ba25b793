import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap } from './heap.ts';

describe('a heap', () => {
  it('has the least item in front, whatever was changed or taken', () => {
    const step = fc.oneof(fc.constant('take' as const), fc.integer({ min: 0, max: 20 }));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), fc.array(step), (numbers, steps) => {
        const model = numbers.map((value) => ({ value }));
        const heap = new Heap(model, (a, b) => a.value < b.value);
        for (const each of steps) {
          model.sort((a, b) => a.value - b.value);
          expect(heap.size).toBe(model.length);
          expect(heap.least?.value).toBe(model[0]?.value);
          const { least } = heap;
          if (each === 'take') {
            heap.removeLeast();
            if (least !== undefined) model.splice(model.indexOf(least), 1);
          } else if (least !== undefined) {
            least.value = each;
            heap.settle();
          }
        }
      }),
    );
  });
});
