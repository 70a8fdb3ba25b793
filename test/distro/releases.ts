/** One release of Pebble Linux for one architecture: a Debian release seen through RPM. */
export interface Release {
  /** Part of file, image and chroot names. */
  id: string;
  /** `$releasever` of the release; also Debian's number for it. */
  version: string;
  suite: string;
  debianArch: string;
  rpmArch: string;
  /** What `%{?_isa}` expands to in spec files. */
  isa: string;
  /** Debian's name of the architecture in library paths. */
  triplet: string;
  /** Where packages built on Pebble keep their libraries. */
  libDir: string;
  /** Its programs do not run on the machine that makes it. */
  foreign?: true;
  /** Debian packages of the build root, all of them in the chroot image. */
  buildRoot: readonly string[];
  /** Debian packages that the repository holds beside, so that build requirements have something to install. */
  extra: readonly string[];
}

/** Essential in Debian, and therefore needed though nothing says so. */
export const ESSENTIAL_TOOLS = [
  'base-files',
  'base-passwd',
  'bash',
  'coreutils',
  'dash',
  'debianutils',
  'diffutils',
  'findutils',
  'grep',
  'gzip',
  'hostname',
  'libc-bin',
  'ncurses-base',
  'perl-base',
  'sed',
  'tar',
  'util-linux',
];

const BUILD_TOOLS = [
  'bzip2',
  'ca-certificates',
  'cpio',
  'curl',
  'dnf',
  'dnf-plugins-core',
  // Without eu-strip rpmbuild succeeds and makes empty debuginfo packages.
  'elfutils',
  'file',
  'g++',
  'gawk',
  'gcc',
  // dnf checks signatures through it.
  'gpg',
  'make',
  // The build engine hides the volumes of its pod from rpmbuild with it.
  'mount',
  'patch',
  'python3',
  'rpm',
  'unzip',
  'xz-utils',
];

const DEVELOPMENT = [
  'autoconf',
  'automake',
  'bison',
  'flex',
  'libbz2-dev',
  'libexpat1-dev',
  'libncurses-dev',
  'libreadline-dev',
  'libssl-dev',
  'libtool',
  'm4',
  'zlib1g-dev',
];

export const RELEASES: readonly Release[] = [
  {
    id: '13-x86_64',
    version: '13',
    suite: 'trixie',
    debianArch: 'amd64',
    rpmArch: 'x86_64',
    isa: '(x86-64)',
    triplet: 'x86_64-linux-gnu',
    libDir: '/usr/lib64',
    buildRoot: [...ESSENTIAL_TOOLS, ...BUILD_TOOLS],
    extra: [...DEVELOPMENT, 'pkgconf'],
  },
  {
    id: '12-i386',
    version: '12',
    suite: 'bookworm',
    debianArch: 'i386',
    rpmArch: 'i386',
    isa: '(x86-32)',
    triplet: 'i386-linux-gnu',
    libDir: '/usr/lib',
    buildRoot: [...ESSENTIAL_TOOLS, ...BUILD_TOOLS],
    extra: [...DEVELOPMENT, 'pkg-config'],
  },
];

/**
 * For a machine of another architecture: it has a repository, from which the machine makes its build root, and no image,
 * for no node could run it.
 */
export const FOREIGN_RELEASE: Release = {
  id: '13-aarch64',
  version: '13',
  suite: 'trixie',
  debianArch: 'arm64',
  rpmArch: 'aarch64',
  isa: '(aarch-64)',
  triplet: 'aarch64-linux-gnu',
  libDir: '/usr/lib64',
  foreign: true,
  buildRoot: [...ESSENTIAL_TOOLS, ...BUILD_TOOLS],
  extra: ['zlib1g-dev'],
};
