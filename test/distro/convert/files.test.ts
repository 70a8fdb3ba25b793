import { expect, test } from 'vitest';
import { parseControl } from '../deb/control.ts';
import type { DebPackage } from '../deb/package.ts';
import type { TarEntry } from '../deb/tar.ts';
import { sharedDirectories, toFiles } from './files.ts';

function entry(path: string, kind: TarEntry['kind'] = 'file', rest: Partial<TarEntry> = {}): TarEntry {
  const data = Buffer.from(kind === 'file' ? path : '');
  return { path, kind, mode: 0o755, user: 'root', group: 'root', mtime: 1, target: '', data, ...rest };
}

function deb(name: string, entries: TarEntry[]): DebPackage {
  return { control: parseControl(`Package: ${name}\n`), conffiles: new Set(), entries };
}

function pathsOf(pkg: DebPackage, shared: readonly string[] = []): string[] {
  return toFiles(pkg, new Set(shared)).map((file) => `${file.path}${file.target && ` -> ${file.target}`}`);
}

test('files of an unmerged package move below /usr, directories that meet there are one', () => {
  const entries = [
    entry('/', 'directory'),
    entry('/bin', 'directory'),
    entry('/bin/sh'),
    entry('/usr/bin', 'directory'),
  ];
  expect(pathsOf(deb('x', entries))).toEqual(['/usr/bin', '/usr/bin/sh']);
});

test('base-files keeps its directories and leaves links at the root to pebble-setup', () => {
  const entries = [
    entry('/usr/bin', 'directory'),
    entry('/bin', 'symlink', { target: 'usr/bin' }),
    entry('/var/run', 'directory'),
    entry('/etc/os-release', 'symlink', { target: '../usr/lib/os-release' }),
  ];
  expect(pathsOf(deb('base-files', entries), ['/usr/bin'])).toEqual([
    '/usr/bin',
    '/etc/os-release -> ../usr/lib/os-release',
  ]);
  expect([...sharedDirectories(deb('base-files', entries))]).toEqual(['/usr/bin']);
});

test('other packages do not own the directories of base-files', () => {
  const entries = [entry('/usr/lib', 'directory'), entry('/usr/lib/x', 'directory')];
  expect(pathsOf(deb('x', entries), ['/usr/lib'])).toEqual(['/usr/lib/x']);
});

test.each([
  ['gawk', ['/usr/bin/gawk'], ['/usr/bin/awk -> /usr/bin/gawk', '/usr/bin/nawk -> /usr/bin/gawk']],
  ['gcc', ['/usr/bin/gcc'], ['/usr/bin/cc -> /usr/bin/gcc']],
  ['automake', ['/usr/bin/automake-1.17'], ['/usr/bin/automake -> /usr/bin/automake-1.17']],
  ['debianutils', ['/usr/bin/which.debianutils'], ['/usr/bin/which -> /usr/bin/which.debianutils']],
  ['stone', ['/usr/bin/gcc'], []],
])('%s gets the links that alternatives would make', (name, paths, links) => {
  expect(
    pathsOf(
      deb(
        name,
        paths.map((path) => entry(path)),
      ),
    ).slice(paths.length),
  ).toEqual(links);
});

test('ca-certificates gets the bundle of its certificates', () => {
  const certificate = (name: string) =>
    entry(`/usr/share/ca-certificates/mozilla/${name}.crt`, 'file', { data: Buffer.from(`${name}\n`) });
  const files = toFiles(deb('ca-certificates', [certificate('a'), certificate('b')]), new Set());
  const bundle = files.find((file) => file.path === '/etc/ssl/certs/ca-certificates.crt');
  expect(bundle?.data.toString()).toBe('a\nb\n');
  expect(files.at(-1)).toMatchObject({ path: '/etc/pki/tls/certs/ca-bundle.crt', target: bundle?.path });
});

test('the distribution tells its own name with the version of its Debian release', () => {
  const osRelease = entry('/usr/lib/os-release', 'file', { data: Buffer.from('NAME="Debian"\nVERSION_ID="13"\n') });
  const [file] = toFiles(deb('base-files', [osRelease]), new Set());
  expect(file?.data.toString()).toContain('NAME="Pebble Linux"');
  expect(file?.data.toString()).toContain('VERSION_ID="13"');
});
