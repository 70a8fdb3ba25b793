import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTar } from './tar.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-tar-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

test('files, directories, links and names longer than a header field are read as tar wrote them', () => {
  const long = 'd'.repeat(120);
  mkdirSync(join(dir, 'tree', long), { recursive: true });
  writeFileSync(join(dir, 'tree', long, 'file'), 'hello');
  chmodSync(join(dir, 'tree', long, 'file'), 0o4755);
  linkSync(join(dir, 'tree', long, 'file'), join(dir, 'tree', long, 'same'));
  symlinkSync(`../${'t'.repeat(130)}`, join(dir, 'tree', 'link'));
  const archive = execFileSync('tar', ['--format=gnu', '--sort=name', '-C', join(dir, 'tree'), '-c', '.']);
  const byPath = new Map(readTar(archive).map((entry) => [entry.path, entry]));
  expect([...byPath.keys()]).toEqual(['/', `/${long}`, `/${long}/file`, `/${long}/same`, '/link']);
  expect(byPath.get(`/${long}/file`)).toMatchObject({ kind: 'file', mode: 0o4755, user: 'root', group: 'root' });
  expect(byPath.get(`/${long}/file`)?.data.toString()).toBe('hello');
  expect(byPath.get(`/${long}/same`)).toMatchObject({ kind: 'hardlink', target: `/${long}/file` });
  expect(byPath.get('/link')).toMatchObject({ kind: 'symlink', target: `../${'t'.repeat(130)}` });
});

test('an archive that is cut off is refused', () => {
  writeFileSync(join(dir, 'big'), Buffer.alloc(4096, 1));
  const archive = execFileSync('tar', ['--format=gnu', '-C', dir, '-c', 'big']);
  expect(() => readTar(archive.subarray(0, 1024))).toThrow('tar archive is cut off inside big');
});

test('a member that climbs out of its directory is refused', () => {
  writeFileSync(join(dir, 'evil'), 'x');
  const archive = execFileSync('tar', ['--format=gnu', '-P', '-C', dir, '-c', '--transform=s,evil,../evil,', 'evil']);
  expect(() => readTar(archive)).toThrow('tar member ../evil leaves its directory');
});
