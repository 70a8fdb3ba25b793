import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DebPackage } from '../deb/package.ts';
import { RELEASES, type Release } from '../releases.ts';
import { writeRpm } from '../rpm/write.ts';
import { accounts } from './accounts.ts';
import { architectureFiles, macros } from './macros.ts';
import { setupPackage } from './setup.ts';

const PASSWD = 'root::0:0:root:/root:/bin/bash\nmail:*:8:8:mail:/var/mail:/usr/sbin/nologin\n';
const GROUP = 'root::0:\nmail:*:8:\n';

function release(id: string): Release {
  return RELEASES.find((one) => one.id === id) as Release;
}

function basePasswd(): DebPackage {
  const entry = (name: string, text: string) => ({
    path: `/usr/share/base-passwd/${name}.master`,
    kind: 'file' as const,
    mode: 0o644,
    user: 'root',
    group: 'root',
    mtime: 1_700_000_000,
    target: '',
    data: Buffer.from(text),
  });
  return { control: new Map(), conffiles: new Set(), entries: [entry('passwd', PASSWD), entry('group', GROUP)] };
}

test('no account has a password, not even an empty one, and the builder is among them', () => {
  const { passwd, shadow, group, users } = accounts(PASSWD, GROUP);
  expect(passwd.split('\n').slice(0, 3)).toEqual([
    'root:x:0:0:root:/root:/bin/bash',
    'mail:x:8:8:mail:/var/mail:/usr/sbin/nologin',
    'builder:x:1000:1000::/home/builder:/bin/bash',
  ]);
  expect(shadow).toMatch(/^(?:[a-z]+:\*:19000:0:99999:7:::\n){3}$/);
  expect(group).toContain('mock:x:135:builder\n');
  expect(users).toEqual(['root', 'mail', 'builder']);
});

test('each release has its own dist tag and library directory', () => {
  expect(macros(release('13-x86_64'))).toContain('%dist .pb13\n');
  expect(macros(release('13-x86_64'))).toContain('%_libdir /usr/lib64\n%__transaction_unshare %{nil}\n');
  expect(macros(release('12-i386'))).toContain('%_lib lib\n%_libdir /usr/lib\n');
});

test('only the 32-bit release overrides what the kernel says of itself', () => {
  expect(architectureFiles(release('13-x86_64'))).toEqual({});
  expect(architectureFiles(release('12-i386'))['/etc/rpm/platform']).toBe('i386-pebble-linux\n');
});

test('the package installs into an empty root, where its links lead into /usr', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kopr-setup-'));
  try {
    const root = join(dir, 'root');
    mkdirSync(root);
    writeFileSync(join(dir, 'setup.rpm'), writeRpm(setupPackage(release('13-x86_64'), basePasswd())));
    const rpm = (...args: string[]) => execFileSync('rpm', ['--root', root, ...args], { encoding: 'utf8' });
    rpm('-i', '--force-debian', join(dir, 'setup.rpm'));
    expect(rpm('-V', 'pebble-setup')).toBe('');
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toContain('builder:x:1000:1000');
    expect(execFileSync('readlink', [join(root, 'lib64')], { encoding: 'utf8' })).toBe('usr/lib64\n');
    expect(rpm('-q', '--provides', 'pebble-setup')).toContain('system-release(releasever) = 13\n');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a base-passwd without its masters is refused', () => {
  const empty = { ...basePasswd(), entries: [] };
  expect(() => setupPackage(release('13-x86_64'), empty)).toThrow(
    'base-passwd of trixie lacks /usr/share/base-passwd/passwd.master',
  );
});
