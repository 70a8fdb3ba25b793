import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDeb } from '../deb/package.ts';
import { RELEASES, type Release } from '../releases.ts';
import { fileName } from '../rpm/model.ts';
import { writeRpm } from '../rpm/write.ts';
import { rpmNameOf, toRpm } from './convert.ts';

let dir = '';
let deb = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-convert-'));
  const put = (path: string, text: string) => {
    mkdirSync(join(dir, 'tree', dirname(path)), { recursive: true });
    writeFileSync(join(dir, 'tree', path), text);
  };
  put('DEBIAN/conffiles', '/etc/stone.conf\n');
  put(
    'DEBIAN/control',
    `Package: libstone-dev
Version: 1:2.0-3
Architecture: amd64
Maintainer: Nobody <nobody@example.com>
Source: stone (1:2.0-2)
Essential: yes
Depends: libc6 (>= 2.38), debconf | debconf-2.0
Conflicts: paper, scissors (<< 2)
Provides: rock (= 1)
Description: a stone
 It rolls.
 .
 Slowly.
`,
  );
  put('etc/stone.conf', 'hard\n');
  put('bin/stone', '#!/bin/sh\n');
  chmodSync(join(dir, 'tree/bin/stone'), 0o755);
  linkSync(join(dir, 'tree/bin/stone'), join(dir, 'tree/bin/pebble'));
  symlinkSync('stone', join(dir, 'tree/bin/boulder'));
  put('usr/share/doc/libstone-dev/copyright', 'free');
  put('usr/share/doc/libstone-dev/README', 'read');
  put('usr/share/locale/de/LC_MESSAGES/stone.mo', 'Stein');
  put('usr/share/perl5/Stone/Age.pm', 'package Stone::Age;');
  put('usr/lib/x86_64-linux-gnu/pkgconfig/stone.pc', 'v=2.0\nVersion: $'.concat('{v}.1\n'));
  put('usr/lib/python3/dist-packages/Stone_Age-1.2.dist-info/METADATA', '');
  deb = join(dir, 'libstone-dev_1%3a2.0-3_amd64.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', join(dir, 'tree'), deb]);
});
afterAll(() => rmSync(dir, { recursive: true }));

async function converted() {
  const release = RELEASES.find((one) => one.id === '13-x86_64') as Release;
  const sharedDirectories = new Set(['/usr', '/usr/bin', '/usr/share', '/usr/lib', '/etc', '/usr/share/doc']);
  return toRpm(await readDeb(deb), { release, sharedDirectories, pythonAbi: '3.13' });
}

function rpm(path: string, ...args: string[]): string[] {
  return execFileSync('rpm', [...args, '-p', path], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

test('a Debian package becomes an RPM with its name, version, relations and files', async () => {
  const pkg = await converted();
  const path = join(dir, fileName(pkg));
  writeFileSync(path, writeRpm(pkg));
  expect(execFileSync('rpm', ['-K', path], { encoding: 'utf8' })).toContain('digests OK');
  expect(rpm(path, '-q', '--qf', '%{nevra} %{sourcerpm}\n%{summary}\n%{description}')).toEqual([
    'libstone-dev-1:2.0-3.x86_64 stone-2.0-3.src.rpm',
    'a stone',
    'It rolls.',
    '',
    'Slowly.',
  ]);
  const requires = rpm(path, '-q', '--requires').filter((line) => !line.startsWith('rpmlib'));
  expect(requires).toEqual(['libc6 >= 2.38', '(debconf or debconf-2.0)', 'base-files']);
  expect(rpm(path, '-q', '--conflicts')).toEqual(['paper']);
  expect(rpm(path, '-qc')).toEqual(['/etc/stone.conf']);
  expect(rpm(path, '-qd')).toEqual(['/usr/share/doc/libstone-dev/README']);
  expect(rpm(path, '-qL')).toEqual(['/usr/share/doc/libstone-dev/copyright']);
  const programs = rpm(path, '-q', '--qf', '[%{filenames} %{filelinktos} %{filenlinks}\\n]');
  expect(programs.filter((line) => line.startsWith('/usr/bin'))).toEqual([
    '/usr/bin/boulder stone 1',
    '/usr/bin/pebble  2',
    '/usr/bin/stone  2',
  ]);
  expect(programs.map((line) => line.split(' ')[0])).not.toContain('/usr/share');
});

test('it provides what RPM packages ask for', async () => {
  const provides = (await converted()).provides.map((one) => `${one.name} ${one.version}`.trim());
  expect(provides.toSorted()).toEqual([
    '/bin/boulder',
    '/bin/pebble',
    '/bin/stone',
    'libstone-dev(x86-64) 1:2.0-3',
    'libstone-devel 1:2.0-3',
    'libstone-devel(x86-64) 1:2.0-3',
    'perl(Stone::Age)',
    'pkgconfig(stone) 2.0.1',
    'python3.13dist(stone-age) 1.2',
    'python3dist(stone-age) 1.2',
    'rock 1',
  ]);
});

test('the name of the RPM is known from the name of the Debian package', async () => {
  const release = RELEASES.find((one) => one.id === '13-x86_64') as Release;
  expect(rpmNameOf(deb, release)).toBe(fileName(await converted()));
  expect(rpmNameOf('/x/tzdata_2026a-0+deb12u1_all.deb', release)).toBe('tzdata-2026a-0+deb12u1.noarch.rpm');
});

test('the content of the files survives', async () => {
  const file = (await converted()).files.find((one) => one.path === '/usr/share/perl5/Stone/Age.pm');
  expect(file?.data.equals(readFileSync(join(dir, 'tree/usr/share/perl5/Stone/Age.pm')))).toBe(true);
});
