/** Names under which spec files of RPM distributions ask for what Debian names otherwise. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'createrepo-c': ['createrepo_c'],
  debianutils: ['which'],
  'g++': ['gcc-c++'],
  gpg: ['gnupg2'],
  'libbz2-dev': ['bzip2-devel'],
  libc6: ['glibc', 'glibc-common'],
  'libc6-dev': ['glibc-devel', 'glibc-headers'],
  'libcurl4-openssl-dev': ['libcurl-devel'],
  'libexpat1-dev': ['expat-devel'],
  'libncurses-dev': ['ncurses-devel'],
  'libreadline-dev': ['readline-devel'],
  'libssl-dev': ['openssl-devel'],
  'libstdc++6': ['libstdc++'],
  'linux-libc-dev': ['kernel-headers'],
  perl: ['perl-interpreter', 'perl-generators'],
  'perl-base': ['perl-libs'],
  'pkg-config': ['pkgconfig', 'pkgconf-pkg-config'],
  pkgconf: ['pkgconfig', 'pkgconf-pkg-config'],
  procps: ['procps-ng'],
  rpm: ['rpm-build', 'redhat-rpm-config'],
  'xz-utils': ['xz'],
  zlib1g: ['zlib'],
  'zlib1g-dev': ['zlib-devel'],
};

/** Other names for a package; every `-dev` package answers to `-devel` as well. */
export function aliasesOf(name: string): string[] {
  const devel = name.endsWith('-dev') ? [`${name}el`] : [];
  return [...(ALIASES[name] ?? []), ...devel];
}
