/**
 * The packages of one generation of a repository: path relative to the chroot directory, with the size and time the file had, so
 * that a file replaced under the same name is noticed.
 */
export interface ListedPackage {
  /** Bytes. */
  size: number;
  /** Whole seconds since the epoch. */
  mtime: number;
}

export type PackageList = ReadonlyMap<string, ListedPackage>;

/** One line per package: `size mtime path`. Paths are made of checked names, which have neither spaces nor line ends. */
export function formatPackageList(list: PackageList): string {
  return [...list].map(([path, { size, mtime }]) => `${size} ${mtime} ${path}\n`).join('');
}

/** Returns undefined for anything formatPackageList does not write. */
export function parsePackageList(text: string): PackageList | undefined {
  const list = new Map<string, ListedPackage>();
  if (text === '') return list;
  if (!text.endsWith('\n')) return undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const match = /^([0-9]+) ([0-9]+) (\S+)$/.exec(line);
    const path = match?.[3];
    if (match === null || path === undefined) return undefined;
    list.set(path, { size: Number(match[1]), mtime: Number(match[2]) });
  }
  return list;
}

export interface ListChange {
  list: PackageList;
  /** Is the new list another one at all? */
  changed: boolean;
  /** Paths that stay but whose files are not the ones they were: metadata kept from before must not be used for them. */
  replaced: string[];
}

/** Applies additions and removals; of a path in both, the addition counts. Doing it twice changes nothing. */
export function changeList(old: PackageList, add: PackageList, remove: Iterable<string>): ListChange {
  const list = new Map(old);
  const replaced: string[] = [];
  let changed = false;
  for (const path of remove) if (!add.has(path) && list.delete(path)) changed = true;
  for (const [path, file] of add) {
    const before = list.get(path);
    if (before !== undefined && before.size === file.size && before.mtime === file.mtime) continue;
    if (before !== undefined) replaced.push(path);
    list.set(path, file);
    changed = true;
  }
  return { list, changed, replaced };
}
