import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ifThere, removeTree, syncDirectory } from '../../lib/durable.ts';
import type { Logger } from '../../lib/log.ts';
import { describeError } from './api-error.ts';
import type { Paths } from './paths.ts';

/**
 * Takes a tree out of sight in one step and removes it from the disk soon. Does nothing with a tree that is not there. What a process
 * leaves in the trash is removed at its next start.
 */
export async function throwAway(paths: Paths, tree: string, log: Logger): Promise<void> {
  const trash = join(paths.trash, randomBytes(8).toString('hex'));
  if ((await ifThere(rename(tree, trash).then(() => true))) === undefined) return;
  await syncDirectory(dirname(tree));
  removeTree(trash).catch((error: unknown) => log.warn(describeError(error), 'trash is left for the next start'));
}
