const x86 = ['i386', 'i486', 'i586', 'i686', 'athlon', 'geode'];

/**
 * Which package architectures may come out of a chroot of a given architecture, besides `noarch` and source packages.
 * A chroot that is not listed gives packages of its own name only.
 */
const kin = new Map<string, readonly string[]>([
  ['i386', x86],
  ['i586', x86],
  ['i686', x86],
  ['x86_64', ['x86_64', 'x86_64_v2', 'x86_64_v3', 'x86_64_v4', 'amd64', 'ia32e']],
  ['armhfp', ['armv6hl', 'armv7hl', 'armv7hnl']],
  ['ppc64', ['ppc64', 'ppc64p7']],
]);

/** May a chroot of architecture `chroot` have built a binary package of architecture `arch`? */
export function isArchOf(chroot: string, arch: string): boolean {
  return arch === 'noarch' || (kin.get(chroot) ?? [chroot]).includes(arch);
}
