import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prune } from './prune.ts';

test('the youngest stay, and what does not match is left alone', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kopr-prune-'));
  try {
    for (const [index, name] of ['old.tar', 'middle.tar', 'young.tar', 'ancient.txt'].entries()) {
      writeFileSync(join(directory, name), '');
      const seconds = name === 'ancient.txt' ? 1 : 1000 + index;
      utimesSync(join(directory, name), seconds, seconds);
    }
    await prune(directory, /\.tar$/, 2);
    expect(readdirSync(directory).toSorted()).toEqual(['ancient.txt', 'middle.tar', 'young.tar']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
