import type { DebPackage } from '../deb/package.ts';
import type { TarEntry } from '../deb/tar.ts';
import { FILE_CONFIG, FILE_DOC, FILE_LICENSE, FILE_NOREPLACE, type RpmFile } from '../rpm/model.ts';
import { isOmitted, replaceContent } from './content.ts';
import { linksOf } from './links.ts';

/** The package that owns the directories which every Debian package repeats. */
export const DIRECTORY_OWNER = 'base-files';

const MERGED = /^\/(bin|sbin|lib|lib64)(?=\/|$)/;
const DOCUMENTATION = /^\/usr\/share\/(doc|man|info|lintian|bug|doc-base)\//;
const TRANSLATION = /^\/usr\/share\/(?:locale|man)\/([a-z]{2,3}(?:_[A-Z]{2})?(?:@[a-z]+)?)\//;

/** '/bin/sh' → '/usr/bin/sh': Pebble is merged, as Debian is once installed; its packages are not all. */
export function mergedPath(path: string): string {
  return path.replace(MERGED, '/usr/$1');
}

/**
 * The files of an RPM from those of a Debian package. `shared` are the directories that base-files owns, which no
 * other package may own too; base-files in turn leaves the links at the root to pebble-setup.
 */
export function toFiles(deb: DebPackage, shared: ReadonlySet<string>): RpmFile[] {
  const name = deb.control.get('package') ?? '';
  const isOwner = name === DIRECTORY_OWNER;
  const files = new Map<string, RpmFile>();
  for (const entry of deb.entries) {
    const path = mergedPath(entry.path);
    const rootLink = path !== entry.path && !entry.path.slice(1).includes('/');
    if (path === '/' || (rootLink && entry.kind === 'symlink') || isMoved(path) || isOmitted(path)) continue;
    if (entry.kind === 'directory' && (files.has(path) || (!isOwner && shared.has(path)))) continue;
    files.set(path, toFile(entry, path, deb.conffiles));
  }
  for (const link of linksOf(name, files)) files.set(link.path, link);
  return [...files.values()];
}

/** The directories of base-files, for `toFiles` of all others. */
export function sharedDirectories(baseFiles: DebPackage): Set<string> {
  const files = toFiles(baseFiles, new Set());
  return new Set(files.filter((file) => file.kind === 'directory').map((file) => file.path));
}

/** Directories that an installed system has as links, which pebble-setup makes. */
function isMoved(path: string): boolean {
  return path === '/var/run' || path === '/var/lock';
}

function toFile(entry: TarEntry, path: string, conffiles: ReadonlySet<string>): RpmFile {
  return {
    path,
    kind: entry.kind,
    mode: entry.kind === 'symlink' ? 0o777 : entry.mode,
    user: entry.user,
    group: entry.group,
    mtime: entry.mtime,
    target: entry.kind === 'hardlink' ? mergedPath(entry.target) : entry.target,
    data: replaceContent(path, entry.data),
    flags: flagsOf(entry, path, conffiles),
    language: TRANSLATION.exec(path)?.[1] ?? '',
  };
}

function flagsOf(entry: TarEntry, path: string, conffiles: ReadonlySet<string>): number {
  if (conffiles.has(entry.path)) return FILE_CONFIG | FILE_NOREPLACE;
  if (entry.kind === 'directory' || !DOCUMENTATION.test(path)) return 0;
  return path.endsWith('/copyright') ? FILE_LICENSE : FILE_DOC;
}
