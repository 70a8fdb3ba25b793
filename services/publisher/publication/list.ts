import { join } from 'node:path';
import { exists } from '../../../lib/durable.ts';
import type { Paths, ResultDirectory } from '../paths.ts';
import type { Visit } from '../project/gate.ts';
import { readSettings } from '../project/settings.ts';
import { repositoryDirectory } from '../repository/change.ts';
import type { RepositoryEngine } from '../repository/engine.ts';
import { LINK_NAME } from '../repository/generation.ts';
import type { Placement } from './place.ts';

/**
 * Brings the repositories of a chroot in line with its files; to be called when these are placed, for who switches devel mode off
 * meanwhile finds them there. Returns the generation of the public one, undefined in devel mode. Rejects as RepositoryEngine.update does.
 */
export async function listInRepositories(
  { paths, engine }: { paths: Paths; engine: RepositoryEngine },
  directory: ResultDirectory,
  { add, remove }: Placement,
  visit: Visit,
): Promise<number | undefined> {
  const { develMode } = await readSettings(paths, directory);
  if (develMode) {
    await engine.update(directory, { add, remove }, visit, 'devel');
    // A build that is published again may be public already, with other files.
    await engine.update(directory, { add: [], remove, refresh: add }, visit);
    return undefined;
  }
  const { generation } = await engine.update(directory, { add, remove }, visit);
  const devel = repositoryDirectory(paths.chroot(directory), 'devel');
  if (remove.length > 0 && (await exists(join(devel, LINK_NAME))))
    await engine.update(directory, { add: [], remove }, visit, 'devel');
  return generation;
}
