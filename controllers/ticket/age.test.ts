import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ago, aTicket } from '../testing/objects.ts';
import { AgeHeap, byAge } from './age.ts';

const ticket = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    owner: fc.constantFrom('x', 'y'),
    age: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
  })
  .map(({ name, owner, age }) =>
    aTicket(name, { owner }, undefined, age === undefined ? {} : { creationTimestamp: ago(age) }),
  );

describe('AgeHeap', () => {
  it('gives tickets in the order of their age, with tickets added in between', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(ticket, fc.constant('take' as const))), (steps) => {
        const heap = new AgeHeap();
        const model: ReturnType<typeof aTicket>[] = [];
        for (const step of steps) {
          if (step !== 'take') {
            heap.add(step);
            model.push(step);
          } else {
            model.sort(byAge);
            const expected = model.shift();
            expect(heap.oldest()?.metadata).toEqual(expected?.metadata);
            expect(heap.take()?.metadata).toEqual(expected?.metadata);
          }
          expect(heap.size).toBe(model.length);
          expect([...heap.all()].sort(byAge)).toEqual([...model].sort(byAge));
        }
      }),
    );
  });

  it('is empty when everything is taken', () => {
    const heap = new AgeHeap();
    heap.add(aTicket('a'));
    heap.take();
    expect([heap.size, heap.oldest(), heap.take()]).toEqual([0, undefined, undefined]);
  });
});
