import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cached, keyOf } from './cache.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-cache-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('a part is made once for the same inputs', async () => {
  let made = 0;
  const make = async (directory: string) => {
    made += 1;
    await writeFile(join(directory, 'disk'), 'x');
  };
  const key = await keyOf(['one']);
  const first = await cached(dir, 'system', key, make);
  expect(await cached(dir, 'system', key, make)).toBe(first);
  expect(readdirSync(first)).toEqual(['disk']);
  expect(made).toBe(1);
  await cached(dir, 'system', await keyOf(['two']), make);
  expect(made).toBe(2);
});

it('an attempt that failed leaves nothing under the final name, and the next one begins afresh', async () => {
  const key = await keyOf(['one']);
  const failing = cached(dir, 'system', key, async (directory) => {
    await writeFile(join(directory, 'half'), 'x');
    throw new Error('no space left');
  });
  await expect(failing).rejects.toThrow('no space left');
  const path = await cached(dir, 'system', key, (directory) => writeFile(join(directory, 'disk'), 'x'));
  expect(readdirSync(path)).toEqual(['disk']);
});

it('a key follows from the content of files', async () => {
  mkdirSync(join(dir, 'a'));
  writeFileSync(join(dir, 'a', 'file'), 'one');
  const before = await keyOf([], [join(dir, 'a', 'file')]);
  writeFileSync(join(dir, 'a', 'file'), 'two');
  expect(await keyOf([], [join(dir, 'a', 'file')])).not.toBe(before);
});
