import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ifThere, makeDirectory, readIfThere } from '../../../lib/durable.ts';
import type { TaskRecord } from '../records.ts';

/** File in a results directory that says whose it is; hidden from the web server. */
export const OWNER_FILE = '.task';
const BACKUP_DIRECTORY = 'prev_build_backup';

const ownership = z.object({ task: z.string(), superseded: z.array(z.string()) });
export type Ownership = z.infer<typeof ownership>;

/** The build a task is an attempt of: task ids are `<uid of the ChrootBuild>.<attempt>`. */
export function buildOf(task: string): string {
  return task.slice(0, task.lastIndexOf('.'));
}

function attemptOf(task: string): number {
  return Number(task.slice(task.lastIndexOf('.') + 1));
}

export type Claim =
  /** It has the directory already. */
  | 'owned'
  /** Nobody has it. */
  | 'free'
  /** An earlier attempt of the same build has it, or a build that was given up and has published nothing. */
  | 'take-over'
  /** The task was given up. */
  | 'gone'
  /** Another build has it. */
  | 'in-use';

/**
 * May the task have the results directory? `ended` is how the task ended, if it did: a task that has ended keeps the directory it
 * has, for its pod may repeat its last requests, but gets no other. `packages`: there are some in it. Pure.
 */
export function claim(
  task: string,
  ended: TaskRecord['state'] | undefined,
  owner: Ownership | undefined,
  ownerEnded: TaskRecord['state'] | undefined,
  packages: boolean,
): Claim {
  if (ended === 'forgotten') return 'gone';
  if (owner?.task === task) return 'owned';
  if (ended !== undefined || owner?.superseded.includes(task) === true) return 'gone';
  if (owner === undefined) return packages ? 'in-use' : 'free';
  // A stage that was deleted by hand is made again under its number, with another uid.
  if (buildOf(owner.task) !== buildOf(task)) return ownerEnded === 'forgotten' && !packages ? 'take-over' : 'in-use';
  return attemptOf(task) > attemptOf(owner.task) ? 'take-over' : 'gone';
}

export async function readOwnership(path: string): Promise<Ownership | undefined> {
  const bytes = await readIfThere(join(path, OWNER_FILE));
  return bytes === undefined ? undefined : ownership.parse(JSON.parse(bytes.toString('utf8')));
}

/** Owners of all results directories of a project. */
export async function* ownersIn(project: string): AsyncGenerator<Ownership> {
  for (const chroot of (await ifThere(readdir(project))) ?? []) {
    for (const directory of (await ifThere(readdir(join(project, chroot)))) ?? []) {
      const owner = await readOwnership(join(project, chroot, directory));
      if (owner !== undefined) yield owner;
    }
  }
}

export async function holdsPackages(path: string): Promise<boolean> {
  return ((await ifThere(readdir(path))) ?? []).some((name) => name.endsWith('.rpm'));
}

/** The log of an attempt that was lost is often the only hint why: it is kept beside the new one. */
export async function setLogsAside(path: string, previous: string): Promise<void> {
  const logs =
    (await ifThere(readdir(path)))?.filter((name) => /\.log(\.gz)?$/.test(name) && !name.startsWith('.')) ?? [];
  const backup = join(path, BACKUP_DIRECTORY, previous);
  for (const name of logs) {
    await makeDirectory(backup);
    await rename(join(path, name), join(backup, name));
  }
}
