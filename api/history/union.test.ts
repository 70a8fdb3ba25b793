import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL, archivedWindow, newestFirst, unionPage } from './union.ts';

interface Item {
  id: number;
  from: 'cluster' | 'record';
}

/** Every build has one of these lives. */
const FATES = ['lives', 'recorded and in the cluster', 'moves between the reads', 'only recorded'] as const;

describe('the union of what is live and what is recorded', () => {
  it('shows each build once, newest first, whatever moves into the record between the two reads', async () => {
    const world = fc.uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 60 }), fate: fc.constantFrom(...FATES) }), {
      selector: ({ id }) => id,
      maxLength: 40,
    });
    const window = fc.record({
      limit: fc.option(fc.integer({ min: 0, max: 12 }), { nil: null }),
      offset: fc.integer({ min: 0, max: 45 }),
    });
    await fc.assert(
      fc.asyncProperty(world, window, async (builds, page) => {
        const live = newestFirst(
          builds.filter(({ fate }) => fate !== 'only recorded').map(({ id }): Item => ({ id, from: 'cluster' })),
        );
        const seen = new Set(live.map(({ id }) => id));
        // By now the moving ones are recorded and gone from the cluster.
        const record = newestFirst(
          builds.filter(({ fate }) => fate !== 'lives').map(({ id }): Item => ({ id, from: 'record' })),
        );
        const result = await unionPage(live, page, ({ limit, offset }) =>
          Promise.resolve(record.filter(({ id }) => !seen.has(id)).slice(offset, offset + limit)),
        );
        const all = newestFirst(builds);
        const expected = all.slice(page.offset, page.limit === null ? undefined : page.offset + page.limit);
        expect(result.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        for (const { id, from } of result) expect(from).toBe(seen.has(id) ? 'cluster' : 'record');
      }),
      { numRuns: 1000 },
    );
  });

  it('pages without gap or double through lists of any lengths', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { maxLength: 60 }),
        fc.nat(60),
        fc.integer({ min: 1, max: 9 }),
        async (ids, cut, limit) => {
          const live = newestFirst(ids.slice(0, cut).map((id) => ({ id })));
          const record = newestFirst(ids.slice(cut).map((id) => ({ id })));
          const pages: number[] = [];
          for (let offset = 0; offset <= ids.length; offset += limit) {
            const page = await unionPage(live, { limit, offset }, (part) =>
              Promise.resolve(record.slice(part.offset, part.offset + part.limit)),
            );
            pages.push(...page.map(({ id }) => id));
          }
          expect(pages).toEqual([...ids].sort((a, b) => b - a));
        },
      ),
    );
  });

  it.each([
    [0, { limit: 100, offset: 0 }, { limit: 100, offset: 0 }],
    [20, { limit: 100, offset: 0 }, { limit: 100, offset: 0 }],
    [20, { limit: 100, offset: 10 }, { limit: 110, offset: 0 }],
    [20, { limit: 100, offset: 5000 }, { limit: 120, offset: 4980 }],
    [20, { limit: null, offset: 5000 }, { limit: ALL, offset: 4980 }],
  ])('with %i live builds asks for %j no more of the record than %j', (live, window, part) => {
    expect(archivedWindow(live, window)).toEqual(part);
  });

  it('asks nothing of the record for an empty page', async () => {
    const never = () => Promise.reject(new Error('asked'));
    expect(await unionPage([{ id: 1 }], { limit: 0, offset: 0 }, never)).toEqual([]);
  });
});
