import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, ifThere } from '../../../lib/durable.ts';
import type { ListedPackage, PackageList } from './package-list.ts';

/** Marker that is written when every file of a successful build is in its directory. */
export const SUCCESS_FILE = 'success';

/** All packages of published builds, as they are on the disk. */
export async function scanPackages(chrootDirectory: string): Promise<PackageList> {
  const list = new Map<string, ListedPackage>();
  for (const build of (await readdir(chrootDirectory)).sort()) {
    if (!/^[0-9]/.test(build) || !(await exists(join(chrootDirectory, build, SUCCESS_FILE)))) continue;
    const names = (await ifThere(readdir(join(chrootDirectory, build)))) ?? [];
    const paths = names.filter((name) => name.endsWith('.rpm') && !name.startsWith('.')).sort();
    for (const [path, file] of await statPackages(
      chrootDirectory,
      paths.map((name) => `${build}/${name}`),
    )) {
      list.set(path, file);
    }
  }
  return list;
}

/** Rejects with ENOENT when one of them is not there. */
export async function statPackages(chrootDirectory: string, paths: readonly string[]): Promise<PackageList> {
  const list = new Map<string, ListedPackage>();
  for (const path of paths) {
    const { size, mtimeMs } = await stat(join(chrootDirectory, path));
    list.set(path, { size, mtime: Math.floor(mtimeMs / 1000) });
  }
  return list;
}
