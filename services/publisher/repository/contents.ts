import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, readIfThere } from '../../../lib/durable.ts';
import { buildNumberOf } from '../paths.ts';
import type { ProjectSettings } from '../project/settings.ts';
import { type RepositoryChange, type RepositoryKind, repositoryDirectory } from './change.ts';
import { digestOf, readComps, shownComps } from './comps.ts';
import { type Generation, LIST_FILE } from './generation.ts';
import { changeList, type ListedPackage, type PackageList, parsePackageList } from './package-list.ts';
import { scanPackages, statPackages } from './scan.ts';

/** What decides what a repository holds besides its current generation and the change. */
export interface Circumstances {
  chrootDirectory: string;
  kind: RepositoryKind;
  settings: ProjectSettings;
  /** Builds that were removed: nothing of them is listed, whatever is on the disk or asked for. */
  removed: ReadonlySet<number>;
}

export interface Contents {
  list: PackageList;
  /** Is it another list, other groups or another state than that of the current generation? */
  changed: boolean;
  /** No file that stays in the list has changed. */
  trusted: boolean;
  /** All metadata is to be made from the files. */
  anew: boolean;
  comps: string | undefined;
  marks: Marks;
}

/** Kept with a generation. */
export interface Marks {
  period?: string;
  regenerated?: string;
}

/** Only what was public before and what is asked for may be in it. */
function isHeldBack({ kind, settings }: Circumstances): boolean {
  return kind === 'public' && settings.develMode;
}

/** What the next generation holds. Rejects with ENOENT when a package that is to be added has no file. */
export async function nextContents(
  current: Generation | undefined,
  change: RepositoryChange,
  circumstances: Circumstances,
): Promise<Contents> {
  const { chrootDirectory, settings } = circumstances;
  const kept = (path: string): boolean => isKept(path, circumstances);
  const regenerate = change.regenerate !== undefined && current?.regenerated !== change.regenerate;
  const late = !isHeldBack(circumstances) && current !== undefined && current.period !== settings.period;
  const before = current?.list ?? new Map<string, ListedPackage>();
  const start =
    regenerate || late ? await scanPackages(chrootDirectory) : (current?.list ?? (await published(circumstances)));
  const refresh = (change.refresh ?? []).filter((path) => start.has(path));
  const add = await statPackages(chrootDirectory, [...change.add, ...refresh].filter(kept));
  const next = changeList(start, add, change.remove);
  const list = withoutRemoved(next.list, circumstances);
  // Large repositories are not gone through once more for nothing.
  const plain = start === current?.list && list === next.list;
  const { same, trusted } = plain
    ? { same: !next.changed, trusted: next.replaced.length === 0 }
    : compare(before, list);
  // In devel mode the groups that are public change together with the packages.
  const hold = isHeldBack(circumstances) && !regenerate && current !== undefined;
  const comps = hold ? await shownComps(current.directory) : await readComps(chrootDirectory);
  // Also when it is made anew in devel mode: what is published from then on is held back again.
  const period = isHeldBack(circumstances) ? current?.period : settings.period;
  const regenerated = change.regenerate ?? current?.regenerated;
  return {
    list,
    changed: current === undefined || regenerate || late || !same || digestOf(comps) !== current.comps,
    trusted,
    anew: regenerate,
    comps,
    marks: { ...(period === undefined ? {} : { period }), ...(regenerated === undefined ? {} : { regenerated }) },
  };
}

/** What there is after the change, told from the disk and not from a generation. Rejects as nextContents does. */
export async function contentsOnDisk(change: RepositoryChange, circumstances: Circumstances): Promise<PackageList> {
  const paths = change.add.filter((path) => isKept(path, circumstances));
  const add = await statPackages(circumstances.chrootDirectory, paths);
  return changeList(await published(circumstances, change.regenerate !== undefined), add, change.remove).list;
}

async function published(circumstances: Circumstances, all = false): Promise<PackageList> {
  const { chrootDirectory, kind } = circumstances;
  const list =
    !all && isHeldBack(circumstances)
      ? await lastListed(repositoryDirectory(chrootDirectory, kind), chrootDirectory)
      : await scanPackages(chrootDirectory);
  return withoutRemoved(list, circumstances);
}

/** The list itself when nothing was removed. */
function withoutRemoved(list: PackageList, circumstances: Circumstances): PackageList {
  if (circumstances.removed.size === 0) return list;
  return new Map([...list].filter(([path]) => isKept(path, circumstances)));
}

function isKept(path: string, { removed }: Circumstances): boolean {
  return removed.size === 0 || !removed.has(buildNumberOf(path.split('/', 1)[0] ?? '') ?? 0);
}

/** What the youngest generation with a readable list held, as far as it is on the disk. */
async function lastListed(repository: string, chrootDirectory: string): Promise<PackageList> {
  const numbers = (await readdir(repository)).flatMap((name) => /^\.repodata-([0-9]+)$/.exec(name)?.[1] ?? []);
  for (const number of numbers.map(Number).sort((a, b) => b - a)) {
    const text = (await readIfThere(join(repository, `.repodata-${number}`, LIST_FILE)))?.toString('utf8');
    const list = text === undefined ? undefined : parsePackageList(text);
    if (list === undefined) continue;
    const there: string[] = [];
    for (const path of list.keys()) if (await exists(join(chrootDirectory, path))) there.push(path);
    return statPackages(chrootDirectory, there);
  }
  return new Map();
}

function compare(before: PackageList, after: PackageList): { same: boolean; trusted: boolean } {
  let same = before.size === after.size;
  let trusted = true;
  for (const [path, file] of after) {
    const old = before.get(path);
    if (old?.size === file.size && old.mtime === file.mtime) continue;
    same = false;
    if (old !== undefined) trusted = false;
  }
  return { same, trusted };
}
