import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  exists,
  linkOver,
  makeDirectory,
  removeFile,
  removeTree,
  sweepTemporary,
  syncDirectory,
  writeFileAtomic,
} from '../../../lib/durable.ts';
import type { Paths, ResultDirectory } from '../paths.ts';
import { SUCCESS_FILE } from '../repository/scan.ts';
import { isPackage } from './plan.ts';

/** Names in a results directory that a publication leaves alone besides hidden ones. */
const kept: ReadonlySet<string> = new Set(['prev_build_backup', SUCCESS_FILE]);

export interface Placement {
  /** Packages now in the directory, relative to the chroot directory. */
  add: string[];
  /** Packages that have to leave the repository before their files are removed. */
  remove: string[];
  /** Names of files that are in the way of nothing but do not belong here any more. */
  stale: string[];
}

/** What has to happen so that a directory holding `present` ends up with exactly `files`. Pure. */
export function planPlacement(directory: string, present: readonly string[], files: readonly string[]): Placement {
  const wanted = new Set(files);
  const stale = present.filter((name) => !name.startsWith('.') && !kept.has(name) && !wanted.has(name));
  return {
    add: files.filter(isPackage).map((name) => `${directory}/${name}`),
    remove: stale.filter(isPackage).map((name) => `${directory}/${name}`),
    stale,
  };
}

/**
 * Gives the prepared files their names in the results directory. `success` is there only while all files of a successful build are.
 * Doing it again changes nothing. To be called inside the gate of the project, as long as the directory is the task's.
 */
export async function place(
  paths: Paths,
  directory: ResultDirectory,
  out: string,
  files: readonly string[],
  succeeded: boolean,
): Promise<Placement> {
  const path = paths.result(directory);
  await makeDirectory(path);
  const placement = planPlacement(directory.directory, await readdir(path), files);
  if (!succeeded || placement.remove.length > 0) await removeFile(join(path, SUCCESS_FILE));
  for (const name of files) await linkOver(join(out, name), join(path, name));
  await syncDirectory(path);
  if (succeeded && !(await exists(join(path, SUCCESS_FILE)))) await writeFileAtomic(join(path, SUCCESS_FILE), 'done\n');
  return placement;
}

/** Removes what does not belong here any more; to be called when no repository refers to it, under the conditions of `place`. */
export async function removeStale(paths: Paths, directory: ResultDirectory, placement: Placement): Promise<void> {
  for (const name of placement.stale) await removeTree(join(paths.result(directory), name));
  await sweepTemporary(paths.result(directory));
}
