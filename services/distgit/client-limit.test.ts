import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientLimit } from './client-limit.ts';

describe('the limit of clients', () => {
  it('lets each client have its share, whatever the others do, and forgets those that are gone', () => {
    const step = fc.record({ client: fc.constantFrom('a', 'b', 'c'), enters: fc.boolean() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step), (max, steps) => {
        const limit = new ClientLimit(max);
        const inside = new Map<string, (() => void)[]>([
          ['a', []],
          ['b', []],
          ['c', []],
        ]);
        for (const { client, enters } of steps) {
          const places = inside.get(client) ?? [];
          if (!enters) {
            const release = places.pop();
            release?.();
            // A response may both finish and close.
            release?.();
            continue;
          }
          const release = limit.enter(client);
          expect(release !== undefined).toBe(places.length < max);
          if (release) places.push(release);
        }
        expect(limit.size).toBe([...inside.values()].filter((places) => places.length > 0).length);
      }),
    );
  });
});
