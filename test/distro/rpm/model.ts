/** Comparison bits of a dependency, as in the header. */
export const ANY = 0;
export const LESS = 2;
export const GREATER = 4;
export const EQUAL = 8;

/** File flag bits, as in the header. */
export const FILE_CONFIG = 1;
export const FILE_DOC = 2;
export const FILE_NOREPLACE = 16;
export const FILE_LICENSE = 128;

/** `name` compared by `flags` with `version` ('' when flags is ANY). */
export interface RpmDependency {
  name: string;
  flags: number;
  version: string;
}

export interface RpmFile {
  /** Absolute path without a trailing slash. */
  path: string;
  kind: 'file' | 'directory' | 'symlink' | 'hardlink';
  mode: number;
  user: string;
  group: string;
  mtime: number;
  /** Symlink text, or the absolute path of the file that a hard link shares its content with. */
  target: string;
  data: Buffer;
  flags: number;
  /** Language code of a translation, else ''. */
  language: string;
}

export interface RpmPackage {
  name: string;
  /** 0 is written as no epoch at all. */
  epoch: number;
  version: string;
  release: string;
  arch: string;
  summary: string;
  description: string;
  url: string;
  /** Seconds since the epoch; taken from the content so that equal input gives equal packages. */
  buildTime: number;
  sourceRpm: string;
  provides: RpmDependency[];
  requires: RpmDependency[];
  conflicts: RpmDependency[];
  files: RpmFile[];
}

/** `[epoch:]version-release` as dependencies spell it. */
export function evr(pkg: Pick<RpmPackage, 'epoch' | 'version' | 'release'>): string {
  return `${pkg.epoch > 0 ? `${pkg.epoch}:` : ''}${pkg.version}-${pkg.release}`;
}

/** `name-version-release.arch.rpm`; the epoch is no part of file names. */
export function fileName(pkg: Pick<RpmPackage, 'name' | 'version' | 'release' | 'arch'>): string {
  return `${pkg.name}-${pkg.version}-${pkg.release}.${pkg.arch}.rpm`;
}
