import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordWindow } from './union.ts';
import { ALL, archivedWindow, newestFirst, unionBatches, unionPage } from './union.ts';

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

describe('the union in pieces', () => {
  const arbitraryWindow = fc.record({
    limit: fc.option(fc.integer({ min: 0, max: 70 }), { nil: null }),
    offset: fc.integer({ min: 0, max: 45 }),
  });

  function pageOf(record: readonly { id: number }[], { limit, offset, before }: RecordWindow): { id: number }[] {
    return record.filter(({ id }) => before === undefined || id < before).slice(offset, offset + limit);
  }

  async function all<T>(pieces: AsyncIterable<T[]>): Promise<T[]> {
    const items: T[] = [];
    for await (const piece of pieces) items.push(...piece);
    return items;
  }

  it('is the union as a whole', async () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(
        ids,
        fc.nat(80),
        arbitraryWindow,
        fc.integer({ min: 1, max: 7 }),
        async (some, cut, page, size) => {
          const live = newestFirst(some.slice(0, cut).map((id) => ({ id })));
          const record = newestFirst(some.slice(cut).map((id) => ({ id })));
          const read = (part: RecordWindow) => Promise.resolve(pageOf(record, part));
          expect(await all(unionBatches(live, page, read, size))).toEqual(await unionPage(live, page, read));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has each build that stays, once, while others are recorded and removed between the pieces', async () => {
    const changes = fc.array(fc.record({ add: fc.nat(5), remove: fc.array(fc.nat(99), { maxLength: 12 }) }), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60 }),
        changes,
        fc.integer({ min: 1, max: 7 }),
        async (many, steps, size) => {
          let record = Array.from({ length: many }, (_, index) => ({ id: many - index }));
          let newest = many;
          const removed = new Set<number>();
          const left = [...steps];
          const read = (part: RecordWindow) => {
            const rows = pageOf(record, part);
            const step = left.shift();
            for (let n = 0; n < (step?.add ?? 0); n += 1) {
              newest += 1;
              record = [{ id: newest }, ...record];
            }
            for (const at of step?.remove ?? []) {
              const gone = record[at];
              if (gone !== undefined) removed.add(gone.id);
              record = record.filter((row) => row !== gone);
            }
            return Promise.resolve(rows);
          };
          const seen = (await all(unionBatches([], { limit: null, offset: 0 }, read, size))).map(({ id }) => id);
          expect(seen).toEqual([...seen].sort((a, b) => b - a));
          expect(new Set(seen).size).toBe(seen.length);
          for (let id = 1; id <= many; id += 1) if (!removed.has(id)) expect(seen).toContain(id);
        },
      ),
      { numRuns: 500 },
    );
  });
});
