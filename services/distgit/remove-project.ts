import { mkdir, rename, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode } from '../../lib/errors.ts';
import type { Layout } from './layout.ts';
import { emptyDir } from './sweep.ts';

/**
 * Takes a project's repositories and lookaside links out of sight by rename, then deletes them. Killed in between, the
 * rest goes at the next start. `mark` makes the name in the trash unique. Repeating it is fine.
 */
export async function removeProject(layout: Layout, owner: string, project: string, mark: string): Promise<void> {
  const grave = join(layout.trash, mark);
  await mkdir(grave, { recursive: true });
  await moveAway(join(layout.git, owner, project), join(grave, 'git'));
  await moveAway(join(layout.pkgs, owner, project), join(grave, 'pkgs'));
  await emptyDir(grave);
  await removeIfEmpty(grave);
}

async function moveAway(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  await removeIfEmpty(dirname(from));
}

async function removeIfEmpty(dir: string): Promise<void> {
  try {
    await rmdir(dir);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}
