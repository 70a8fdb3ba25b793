import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../testing/context.ts';
import { LOG_PIECE, LogCopy } from './follower.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let results = '';
let state = '';

beforeEach(async () => {
  directory = await temporaryDirectory();
  results = join(directory.path, 'results');
  state = join(directory.path, 'state');
});
afterEach(() => directory.remove());

async function begin(own: string): Promise<void> {
  await rm(results, { recursive: true, force: true });
  await rm(state, { force: true });
  await mkdir(results);
  await writeFile(join(results, 'builder-live.log'), own);
}

const copied = (): Promise<Buffer> => readFile(join(results, 'builder-live.log'));

describe('the copy of the log', () => {
  it('is what the pod has said and then the log of the machine, whatever is lost and whoever begins again', async () => {
    // What happens to each piece: it arrives, its connection is lost, or the driver ends (after it wrote, or half way).
    const fate = fc.constantFrom('arrives', 'arrives', 'lost', 'ends', 'ends half way');
    await fc.assert(
      fc.asyncProperty(
        fc.string({ maxLength: 50 }),
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fate, { maxLength: 20 }),
        fc.integer({ min: 1, max: 200 }),
        async (own, writes, fates, piece) => {
          await begin(own);
          const far = Buffer.concat(writes);
          let copy = await LogCopy.open(results, state, 1_000_000);
          const left = [...fates];
          while (copy.offset < far.length) {
            const bytes = far.subarray(copy.offset, copy.offset + Math.min(piece, copy.room));
            const what = left.shift() ?? 'arrives';
            if (what === 'lost') continue;
            // A driver that is killed may have written any part of the piece, and no more of its state than that.
            await copy.append(what === 'ends half way' ? bytes.subarray(0, Math.ceil(bytes.length / 2)) : bytes);
            if (what !== 'arrives') copy = await LogCopy.open(results, state, 1_000_000);
          }
          expect(await copied()).toEqual(Buffer.concat([Buffer.from(own), far]));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('ends at its limit, whatever the machine goes on to say', async () => {
    await begin('own\n');
    const copy = await LogCopy.open(results, state, 10);
    expect(copy.room).toBe(10);
    await copy.append(Buffer.from('0123456789'));
    expect(copy.room).toBe(0);
    expect((await LogCopy.open(results, state, 10)).room).toBe(0);
  });

  it('asks for bounded pieces', async () => {
    await begin('');
    expect((await LogCopy.open(results, state, 10 ** 9)).room).toBe(LOG_PIECE);
  });

  it('knows whether it was begun before a byte is there', async () => {
    await begin('own\n');
    expect(await LogCopy.isBegun(state)).toBe(false);
    await LogCopy.open(results, state, 100);
    expect(await LogCopy.isBegun(state)).toBe(true);
    expect((await stat(join(results, 'builder-live.log'))).size).toBe(4);
  });

  it('begins at the end of the log when what it remembers is no number', async () => {
    await begin('own\n');
    await writeFile(state, 'x');
    expect((await LogCopy.open(results, state, 100)).offset).toBe(0);
  });
});
