import type { DebPackage } from '../deb/package.ts';
import type { Release } from '../releases.ts';
import {
  ANY,
  EQUAL,
  FILE_CONFIG,
  FILE_NOREPLACE,
  type RpmDependency,
  type RpmFile,
  type RpmPackage,
} from '../rpm/model.ts';
import { accounts } from './accounts.ts';
import { architectureFiles, macros } from './macros.ts';

const DIRECTORIES: Readonly<Record<string, number>> = {
  '/etc/dnf/vars': 0o755,
  '/etc/opt': 0o755,
  '/etc/pam.d': 0o755,
  '/etc/rpm': 0o755,
  '/etc/yum.repos.d': 0o755,
  '/media': 0o755,
  '/mnt': 0o755,
  '/opt': 0o755,
  '/run/lock': 0o1777,
  '/srv': 0o755,
  '/usr/local': 0o755,
  '/usr/local/bin': 0o755,
  '/usr/local/etc': 0o755,
  '/usr/local/include': 0o755,
  '/usr/local/lib': 0o755,
  '/usr/local/sbin': 0o755,
  '/usr/local/share': 0o755,
  '/usr/local/src': 0o755,
  '/var/lib/rpm': 0o755,
  '/var/mail': 0o1777,
  '/var/opt': 0o755,
};

const LINKS: Readonly<Record<string, string>> = {
  '/bin': 'usr/bin',
  '/etc/mtab': '../proc/self/mounts',
  '/lib': 'usr/lib',
  '/sbin': 'usr/sbin',
  '/var/lock': '/run/lock',
  '/var/run': '/run',
  '/var/spool/mail': '../mail',
};

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const TEXTS: Readonly<Record<string, string>> = {
  '/etc/environment': `PATH=${PATH}\n`,
  '/etc/hosts': '127.0.0.1 localhost\n::1 localhost ip6-localhost\n',
  '/etc/machine-id': '',
  '/etc/nsswitch.conf':
    'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n',
  '/etc/pam.d/common-account': 'account required pam_unix.so\n',
  '/etc/pam.d/common-auth': 'auth required pam_unix.so nullok\n',
  '/etc/pam.d/common-password': 'password required pam_unix.so\n',
  '/etc/pam.d/common-session': 'session required pam_unix.so\n',
  '/etc/pam.d/common-session-noninteractive': 'session required pam_unix.so\n',
  '/etc/profile': `export PATH=${PATH}\nfor script in /etc/profile.d/*.sh; do\n  [ -r "$script" ] && . "$script"\ndone\n`,
  '/etc/shells': '/bin/sh\n/bin/bash\n/usr/bin/sh\n/usr/bin/bash\n',
};

/**
 * The package that is installed first: what Debian's installer and maintainer scripts leave behind. All its files
 * belong to root by name, for no other account exists before it is unpacked.
 */
export function setupPackage(release: Release, basePasswd: DebPackage): RpmPackage {
  const master = (name: string) => {
    const path = `/usr/share/base-passwd/${name}.master`;
    const entry = basePasswd.entries.find((one) => one.path === path);
    if (entry === undefined) throw new Error(`base-passwd of ${release.suite} lacks ${path}`);
    return entry.data.toString('utf8');
  };
  const mtime = Math.max(...basePasswd.entries.map((entry) => entry.mtime));
  const known = accounts(master('passwd'), master('group'));
  const wide = release.libDir === '/usr/lib64';
  const texts = {
    ...TEXTS,
    ...architectureFiles(release),
    ...(wide ? { '/etc/ld.so.conf.d/lib64.conf': '/usr/lib64\n' } : {}),
    '/etc/passwd': known.passwd,
    '/etc/group': known.group,
    '/usr/lib/rpm/macros.d/macros.zz-pebble': macros(release),
  };
  const secrets = { '/etc/shadow': known.shadow, '/etc/gshadow': known.gshadow };
  const links = wide ? { ...LINKS, '/lib64': 'usr/lib64' } : LINKS;
  return {
    name: 'pebble-setup',
    epoch: 0,
    version: release.version,
    release: '1',
    arch: 'noarch',
    summary: 'Accounts, directories and settings of Pebble Linux',
    description: 'What every installation of Pebble Linux begins with.',
    url: '',
    buildTime: mtime,
    sourceRpm: `pebble-setup-${release.version}-1.src.rpm`,
    provides: [
      exactly('system-release', release.version),
      exactly('system-release(releasever)', release.version),
      plain('setup'),
      plain('filesystem'),
      ...known.users.map((user) => plain(`user(${user})`)),
      ...known.groups.map((group) => plain(`group(${group})`)),
    ],
    requires: [],
    conflicts: [],
    files: [
      ...Object.entries(DIRECTORIES).map(([path, mode]) => aFile({ path, kind: 'directory', mode, mtime })),
      ...Object.entries(links).map(([path, target]) => aFile({ path, kind: 'symlink', mode: 0o777, target, mtime })),
      ...Object.entries(texts).map(([path, text]) => aText(path, text, 0o644, mtime)),
      ...Object.entries(secrets).map(([path, text]) => aText(path, text, 0o600, mtime)),
    ],
  };
}

function aText(path: string, text: string, mode: number, mtime: number): RpmFile {
  const flags = path.startsWith('/etc/') ? FILE_CONFIG | FILE_NOREPLACE : 0;
  return aFile({ path, kind: 'file', mode, data: Buffer.from(text), flags, mtime });
}

function aFile(given: Pick<RpmFile, 'path' | 'kind' | 'mode' | 'mtime'> & Partial<RpmFile>): RpmFile {
  return { user: 'root', group: 'root', target: '', data: Buffer.alloc(0), flags: 0, language: '', ...given };
}

function plain(name: string): RpmDependency {
  return { name, flags: ANY, version: '' };
}

function exactly(name: string, version: string): RpmDependency {
  return { name, flags: EQUAL, version };
}
