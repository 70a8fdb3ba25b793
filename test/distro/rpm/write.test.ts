import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  EQUAL,
  FILE_CONFIG,
  FILE_DOC,
  FILE_NOREPLACE,
  fileName,
  GREATER,
  type RpmFile,
  type RpmPackage,
} from './model.ts';
import { writeRpm } from './write.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-rpm-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function aFile(path: string, rest: Partial<RpmFile> = {}): RpmFile {
  const defaults = { kind: 'file', mode: 0o644, user: 'root', group: 'root', mtime: 1_700_000_000 } as const;
  return { path, ...defaults, target: '', data: Buffer.from(path), flags: 0, language: '', ...rest };
}

function aPackage(rest: Partial<RpmPackage> = {}): RpmPackage {
  return {
    name: 'stone',
    epoch: 2,
    version: '1.0~rc1',
    release: '3',
    arch: 'x86_64',
    summary: 'A stone',
    description: 'A stone.\nIt rolls.',
    url: '',
    buildTime: 1_700_000_000,
    sourceRpm: 'stone-1.0~rc1-3.src.rpm',
    provides: [{ name: 'rock', flags: 0, version: '' }],
    requires: [
      { name: '(sand >= 1 or gravel)', flags: 0, version: '' },
      { name: 'earth', flags: GREATER | EQUAL, version: '1:4-2' },
    ],
    conflicts: [{ name: 'paper', flags: 0, version: '' }],
    files: [
      aFile('/usr/share/stone', { kind: 'directory', mode: 0o2750, data: Buffer.alloc(0) }),
      aFile('/usr/share/stone/a', { data: Buffer.from('shared content') }),
      aFile('/usr/share/stone/m', { mode: 0o600 }),
      aFile('/usr/share/stone/z', { kind: 'hardlink', target: '/usr/share/stone/a' }),
      aFile('/usr/share/stone/s', { kind: 'symlink', mode: 0o777, target: 'a' }),
      aFile('/usr/share/stone.txt', { flags: FILE_DOC }),
      aFile('/etc/stone.conf', { flags: FILE_CONFIG | FILE_NOREPLACE }),
      aFile('/etc/ä', { language: 'de' }),
    ],
    ...rest,
  };
}

function written(pkg: RpmPackage): string {
  const path = join(dir, fileName(pkg));
  writeFileSync(path, writeRpm(pkg));
  return path;
}

function rpm(...args: string[]): string {
  return execFileSync('rpm', ['--dbpath', join(dir, 'db'), ...args], { encoding: 'utf8' });
}

test('rpm finds every digest right', () => {
  expect(rpm('-Kv', written(aPackage()))).not.toMatch(/BAD|NOT/);
  expect(rpm('-K', written(aPackage()))).toContain('digests OK');
});

test('rpm reads back name, dependencies and files', () => {
  const path = written(aPackage());
  expect(rpm('-qp', '--qf', '%{epoch}:%{nvra} %{summary}', path)).toBe('2:stone-1.0~rc1-3.x86_64 A stone');
  expect(rpm('-qp', '--provides', path).trim().split('\n').toSorted()).toEqual(['rock', 'stone = 2:1.0~rc1-3']);
  expect(rpm('-qp', '--requires', path)).toContain('(sand >= 1 or gravel)\n');
  expect(rpm('-qp', '--requires', path)).toContain('earth >= 1:4-2\n');
  expect(rpm('-qp', '--conflicts', path)).toBe('paper\n');
  expect(rpm('-qpc', path)).toBe('/etc/stone.conf\n');
  expect(rpm('-qpd', path)).toBe('/usr/share/stone.txt\n');
  const modes = rpm('-qp', '--qf', '[%{filenames} %{filemodes:perms}\\n]', path);
  expect(modes).toContain(
    '/usr/share/stone drwxr-s---\n/usr/share/stone.txt -rw-r--r--\n/usr/share/stone/a -rw-r--r--\n',
  );
});

test('rpm installs the files with content, hard links and modes, and verifies them', () => {
  const root = join(dir, 'root');
  mkdirSync(root, { recursive: true });
  rpm('--root', root, '-i', '--force-debian', '--nodeps', written(aPackage()));
  expect(readFileSync(join(root, 'usr/share/stone/z'), 'utf8')).toBe('shared content');
  expect(readFileSync(join(root, 'usr/share/stone/m'), 'utf8')).toBe('/usr/share/stone/m');
  expect(statSync(join(root, 'usr/share/stone/z')).ino).toBe(statSync(join(root, 'usr/share/stone/a')).ino);
  expect(statSync(join(root, 'usr/share/stone')).mode & 0o7777).toBe(0o2750);
  expect(rpm('--root', root, '-V', '--nodeps', 'stone')).toBe('');
});

test('createrepo_c makes a repository of it, and of a package without files', () => {
  const repo = join(dir, 'repo');
  mkdirSync(repo, { recursive: true });
  writeFileSync(join(repo, 'stone.rpm'), writeRpm(aPackage()));
  writeFileSync(join(repo, 'empty.rpm'), writeRpm(aPackage({ name: 'empty', arch: 'noarch', files: [] })));
  execFileSync('createrepo_c', ['--quiet', repo]);
  const primary = readdirSync(join(repo, 'repodata')).find((name) => name.endsWith('-primary.xml.gz')) ?? '';
  const xml = gunzipSync(readFileSync(join(repo, 'repodata', primary))).toString();
  expect(xml).toContain('packages="2"');
  expect(xml).toContain('<rpm:entry name="earth" flags="GE" epoch="1" ver="4" rel="2"/>');
  expect(rpm('-K', join(repo, 'empty.rpm'))).toContain('digests OK');
});

test('equal packages are equal in every byte', () => {
  expect(writeRpm(aPackage()).equals(writeRpm(aPackage()))).toBe(true);
});

test('a hard link to a file outside of the package is refused', () => {
  const files = [aFile('/a', { kind: 'hardlink', target: '/b' })];
  expect(() => writeRpm(aPackage({ files }))).toThrow('hard link /a points at /b, which the package does not hold');
});
