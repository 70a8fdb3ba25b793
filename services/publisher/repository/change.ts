import { join } from 'node:path';

/**
 * A chroot has one repository or two: `public`, and in devel mode `devel`, which has every package that is published while the public one
 * waits for its regeneration.
 */
export const repositoryKinds = ['public', 'devel'] as const;
export type RepositoryKind = (typeof repositoryKinds)[number];

/** Where `repodata` of a repository is. Its packages are in the directory of the chroot in either case. */
export function repositoryDirectory(chrootDirectory: string, kind: RepositoryKind): string {
  return kind === 'public' ? chrootDirectory : join(chrootDirectory, 'devel');
}

/** Paths are relative to the chroot directory: `00000001-hello/hello-2.12-1.x86_64.rpm`. */
export interface RepositoryChange {
  add: readonly string[];
  remove: readonly string[];
  /** May have another content by now; those that are not listed stay so. */
  refresh?: readonly string[];
  /** Make the metadata anew from everything that is published, unless that was done for the same text before. */
  regenerate?: string;
}

export function mergeChanges(changes: readonly RepositoryChange[]): RepositoryChange {
  const regenerate = changes.findLast((each) => each.regenerate !== undefined)?.regenerate;
  return {
    add: changes.flatMap((each) => each.add),
    remove: changes.flatMap((each) => each.remove),
    refresh: changes.flatMap((each) => each.refresh ?? []),
    ...(regenerate === undefined ? {} : { regenerate }),
  };
}
