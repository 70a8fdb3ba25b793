/** Name, epoch, version, release and architecture of a package; `arch` is `src` or `nosrc` for a source package. */
export interface Nevra {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
}

/** The file name rpmbuild gives a package: `hello-2.12-1.x86_64.rpm`. The epoch is not part of it. */
export function fileNameOf(nevra: Nevra): string {
  return `${nevra.name}-${nevra.version}-${nevra.release}.${nevra.arch}.rpm`;
}

/** `[epoch:]version-release`; an epoch of 0 is left out. */
export function formatEvr(nevra: Pick<Nevra, 'epoch' | 'version' | 'release'>): string {
  return `${nevra.epoch === 0 ? '' : `${nevra.epoch}:`}${nevra.version}-${nevra.release}`;
}

/** `name-[epoch:]version-release.arch` */
export function formatNevra(nevra: Nevra): string {
  return `${nevra.name}-${formatEvr(nevra)}.${nevra.arch}`;
}

/** The parts of a file name such as `hello-2.12-1.x86_64.rpm` (epoch 0), or undefined when it is not one. */
export function parseFileName(fileName: string): Nevra | undefined {
  const match = /^(.+)-([^-]+)-([^-]+)\.([^.-]+)\.rpm$/.exec(fileName);
  if (match === null) return undefined;
  const [, name = '', version = '', release = '', arch = ''] = match;
  return { name, epoch: 0, version, release, arch };
}
