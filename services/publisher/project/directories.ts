import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere } from '../../../lib/durable.ts';
import type { Paths, ProjectName } from '../paths.ts';
import { isDirectory } from './gate.ts';

/** Those of the project and its directories that have a tree, the project first; of a directory only itself. */
export async function directoriesOf(paths: Paths, { owner, project }: ProjectName): Promise<ProjectName[]> {
  const names = (await ifThere(readdir(join(paths.results, owner)))) ?? [];
  const belongs = (name: string): boolean =>
    name === project || (!isDirectory({ owner, project }) && name.startsWith(`${project}:`));
  return names
    .filter(belongs)
    .sort()
    .map((name) => ({ owner, project: name }));
}
