import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSharedLibrary } from './elf.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-elf-'));
  writeFileSync(join(dir, 'a.c'), 'int stone(void) { return 1; }\n');
  writeFileSync(join(dir, 'a.map'), 'STONE_1.0 { global: stone; local: *; };\nSTONE_2.0 { } STONE_1.0;\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

function link(...options: string[]): Buffer {
  execFileSync('gcc', ['-shared', '-fPIC', '-nostdlib', ...options, '-o', join(dir, 'a.so'), join(dir, 'a.c')]);
  return readFileSync(join(dir, 'a.so'));
}

test('soname and version definitions are found', () => {
  const library = link('-Wl,-soname,libstone.so.1', `-Wl,--version-script=${join(dir, 'a.map')}`);
  expect(readSharedLibrary(library)).toEqual({
    bits: 64,
    soname: 'libstone.so.1',
    versions: ['STONE_1.0', 'STONE_2.0'],
  });
});

test('a library without versions has none', () => {
  expect(readSharedLibrary(link('-Wl,-soname,libstone.so.1'))).toMatchObject({ versions: [] });
});

test('a 32-bit library is told apart', () => {
  expect(readSharedLibrary(link('-m32', '-Wl,-soname,libstone.so.1'))).toMatchObject({
    bits: 32,
    soname: 'libstone.so.1',
  });
});

test('a plugin without soname, a script and an empty file are no shared libraries', () => {
  expect(readSharedLibrary(link())).toBeUndefined();
  expect(readSharedLibrary(Buffer.from('#!/bin/sh\n'.repeat(20)))).toBeUndefined();
  expect(readSharedLibrary(Buffer.alloc(0))).toBeUndefined();
});
