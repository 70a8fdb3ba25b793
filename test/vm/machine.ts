import { ESSENTIAL_TOOLS, FOREIGN_RELEASE, RELEASES, type Release } from '../distro/releases.ts';

/** What a machine that builds needs: an sshd, and dnf and rpmbuild. The rest comes with what is built. */
const SYSTEM = [
  ...ESSENTIAL_TOOLS,
  'bzip2',
  'ca-certificates',
  'cpio',
  'dnf',
  'file',
  'gawk',
  'gpg',
  'iproute2',
  'kmod',
  'mount',
  'openssh-server',
  'procps',
  'python3',
  'rpm',
  'tini',
  'xz-utils',
  'zstd',
];

/** An architecture of test machines: which system runs on them, and the package with its kernel. */
export interface Machine {
  architecture: string;
  release: Release;
  kernel: string;
}

export const MACHINES: readonly Machine[] = [...RELEASES.filter(({ id }) => id === '13-x86_64'), FOREIGN_RELEASE].map(
  (release) => ({
    architecture: release.rpmArch,
    release: { ...release, buildRoot: SYSTEM, extra: [] },
    kernel: `linux-image-cloud-${release.debianArch}`,
  }),
);
