import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputsHash } from './inputs.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-inputs-'));
  mkdirSync(join(dir, 'rpm'));
  mkdirSync(join(dir, 'files'));
  writeFileSync(join(dir, 'rpm', 'write.ts'), 'one');
});
afterAll(() => rmSync(dir, { recursive: true }));

test.each([
  ['rpm/write.ts', true],
  ['rpm/new.ts', true],
  ['rpm/write.test.ts', false],
  ['files/nginx.ts', false],
  ['values.yaml', false],
])('a change of %s makes another distribution: %s', async (name, changes) => {
  const before = await inputsHash(dir);
  writeFileSync(join(dir, name), `changed ${name}`);
  expect((await inputsHash(dir)) !== before).toBe(changes);
});
