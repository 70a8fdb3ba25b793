import { dirnameOf, projectNameOf } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import { isComplete } from '../../crds/states.ts';
import type { ProjectWorld } from './world.ts';

/** Directories that a Project may have, as its status lists them. */
export const MAX_DIRECTORIES = 1000;

/**
 * Two Projects of a namespace with one name in the sense of Copr would write into each other's repositories. The one that
 * has repositories already keeps it, then the older one. `others` are the Projects of the namespace with this name.
 */
export function nameConflict(project: Project, others: readonly Project[]): string | undefined {
  const winner = others
    .filter((other) => other.metadata.uid !== project.metadata.uid)
    .find((other) => precedence(other) < precedence(project));
  if (winner === undefined) return undefined;
  const remedy = 'make this one anew with another spec.name, or delete that one';
  return `the name "${projectNameOf(project)}" already belongs to Project "${winner.metadata.name}" of this namespace; ${remedy}`;
}

function precedence({ metadata, status }: Project): string {
  return `${status?.owner === undefined ? 1 : 0} ${metadata.creationTimestamp ?? ''} ${metadata.name}`;
}

/** Directories that unfinished Builds name and that are not there yet, as far as there is room for them. */
export function missingDirectories({ project, builds }: Pick<ProjectWorld, 'project' | 'builds'>): string[] {
  const known = project.status?.directories ?? [];
  const wanted = builds
    .filter((build) => build.spec.directory !== undefined && !isComplete(build))
    .filter((build) => build.metadata.deletionTimestamp === undefined)
    .map((build) => dirnameOf(projectNameOf(project), build));
  const missing = [...new Set(wanted)].filter((dirname) => !known.includes(dirname)).sort();
  return missing.slice(0, Math.max(0, MAX_DIRECTORIES - known.length));
}
