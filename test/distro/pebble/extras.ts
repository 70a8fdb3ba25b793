import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from '../releases.ts';
import type { RpmPackage } from '../rpm/model.ts';
import { run } from '../run.ts';

/** Installing this installs a build root; a package and no group, because trixie's dnf crashes on groups. */
export function buildRootPackage(release: Release): RpmPackage {
  const names = [...release.buildRoot, 'pebble-setup', 'pebble-triggers'];
  return {
    name: 'buildsys-build',
    epoch: 0,
    version: release.version,
    release: '1',
    arch: 'noarch',
    summary: 'The minimal build root of Pebble Linux',
    description: 'Requires all packages that a spec file may rely on without naming them.',
    url: '',
    buildTime: 0,
    sourceRpm: `buildsys-build-${release.version}-1.src.rpm`,
    provides: [],
    requires: names.map((name) => ({ name, flags: 0, version: '' })),
    conflicts: [],
    files: [],
  };
}

/**
 * Builds pebble-triggers with rpmbuild: it runs ldconfig once per transaction that touched a library. It is the only
 * package with a script; Debian's own scripts are not carried over.
 */
export async function buildTriggers(release: Release, workDirectory: string, output: string): Promise<void> {
  const top = join(workDirectory, 'triggers');
  await rm(top, { recursive: true, force: true });
  await mkdir(top, { recursive: true });
  const spec = join(top, 'pebble-triggers.spec');
  await writeFile(spec, triggersSpec(release));
  await run('rpmbuild', ['-bb', '--quiet', '--define', `_topdir ${top}`, '--define', '_build_id_links none', spec], {
    env: { HOME: top, SOURCE_DATE_EPOCH: '0' },
  });
  for (const name of await readdir(join(top, 'RPMS', 'noarch'))) {
    await rename(join(top, 'RPMS', 'noarch', name), join(output, name));
  }
}

function triggersSpec(release: Release): string {
  const directories = [...new Set([release.libDir, `/usr/lib/${release.triplet}`, '/etc/ld.so.conf.d'])].join(' ');
  return `Name: pebble-triggers
Version: ${release.version}
Release: 1
Summary: Keeps the cache of shared libraries current
License: Apache-2.0
BuildArch: noarch

%description
Runs ldconfig after each transaction that changed a shared library.

%transfiletriggerin -P 2000000 -- ${directories}
[ ! -x /usr/sbin/ldconfig ] || /usr/sbin/ldconfig

%transfiletriggerpostun -P 2000000 -- ${directories}
[ ! -x /usr/sbin/ldconfig ] || /usr/sbin/ldconfig

%files
`;
}
