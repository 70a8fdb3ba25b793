import type { Release } from '../releases.ts';

/** What later releases of rpm do by themselves: a debuginfo package for each package that has a build directory. */
const DEBUG_PACKAGES = ['%install %{?buildsubdir:%{debug_package}}\\', '%%install\\', '%{nil}'];

/** rpm's settings on Pebble Linux, read after all of Debian's. */
export function macros(release: Release): string {
  return [
    `%dist .pb${release.version}`,
    '%_vendor pebble',
    // Older Debian releases keep the database in the home directory of whoever asks.
    '%_dbpath /var/lib/rpm',
    '%_build_id_links none',
    `%_lib ${release.libDir.slice('/usr/'.length)}`,
    `%_libdir ${release.libDir}`,
    ...UNUSABLE_PLUGINS.map((name) => `%__transaction_${name} %{nil}`),
    ...(release.version === '12' ? DEBUG_PACKAGES : []),
    '',
  ].join('\n');
}

/**
 * Plugins of rpm that need a running system around them. The one called unshare makes every scriptlet fail in a
 * container without SYS_ADMIN, and dnf exits 0 all the same.
 */
export const UNUSABLE_PLUGINS = ['unshare', 'audit', 'syslog', 'dbus_announce', 'systemd_inhibit', 'selinux'] as const;

/**
 * Files that say "i386" to rpm and dnf, which otherwise ask the kernel, and a 64-bit kernel answers x86_64. The
 * compiler flags are those of Debian's baseline: rpm's own for i386 lack the instructions that threads need.
 */
export function architectureFiles(release: Release): Record<string, string> {
  if (release.rpmArch !== 'i386') return {};
  return {
    '/etc/rpm/platform': 'i386-pebble-linux\n',
    '/etc/rpmrc': 'optflags: i386 -O2 -g -march=i686 -mtune=generic\n',
    '/etc/dnf/vars/arch': 'i386\n',
    '/etc/dnf/vars/basearch': 'i386\n',
  };
}
