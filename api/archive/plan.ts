/** What the history lacks, or has too much of, compared with the cluster. Pure. */
import type { Build } from '../../crds/build.ts';
import { ARCHIVED_ANNOTATION, numberOf, packageNameOf } from '../../crds/names.ts';
import type { Package } from '../../crds/package.ts';
import type { Project } from '../../crds/project.ts';
import type { Removal } from '../../crds/removal.ts';
import { COMPLETE, isComplete, SUCCEEDED } from '../../crds/states.ts';
import type { Condition } from '../../operator/conditions.ts';
import { isTrue } from '../../operator/conditions.ts';
import type { NewPackage, ProjectRow } from '../db/database.ts';
import { projectRowOf } from './row.ts';

/** The cluster as the caches show it, all of them complete. */
export interface ArchiveWorld {
  projects: readonly Project[];
  builds: readonly Build[];
  packages: readonly Package[];
  removals: readonly Removal[];
}

/** What this process has written so far, so that it is not written again with every change of anything. */
export interface ArchiveMemory {
  /** Rows of projects by uid, as the database has them. */
  projects: ReadonlyMap<string, ProjectRow>;
  /** Keys of packages: packageKey(). */
  packages: ReadonlySet<string>;
  /** Uids of Builds and Removals whose annotation the cache does not show yet, or whose turn is later. */
  done: ReadonlySet<string>;
}

export interface ArchivePlan {
  putProjects: ProjectRow[];
  ensurePackages: NewPackage[];
  /** Removals that have succeeded: rows of their builds are deleted, then the Removal gets its annotation. */
  remove: { removal: Removal; projectUID: string | undefined }[];
  /** In the order of their numbers. */
  record: { build: Build; project: Project }[];
}

export function planArchive(world: ArchiveWorld, memory: ArchiveMemory): ArchivePlan {
  const projects = new Map(
    world.projects.map((project) => [projectKey(project.metadata.namespace, project.metadata.name), project]),
  );
  const projectOf = (object: Build | Package | Removal): Project | undefined =>
    projects.get(projectKey(object.metadata.namespace, object.spec.project));
  const removed = removedNumbers(world.removals);
  const builds = world.builds.filter((build) => !isRemoved(build, removed));
  return {
    putProjects: world.projects
      .filter((project) => project.metadata.deletionTimestamp === undefined)
      .map(rowOf)
      .filter((row) => !sameRow(row, memory.projects.get(row.uid))),
    ensurePackages: [
      ...world.packages.map((pkg) => declaredPackage(pkg, projectOf(pkg))),
      ...builds.map((build) => seenPackage(build, projectOf(build))),
    ].filter((pkg): pkg is NewPackage => pkg !== undefined && !memory.packages.has(packageKey(pkg))),
    remove: world.removals
      .filter(
        (removal) =>
          outcomeOf(removal) === 'removed' && !isArchived(removal) && !memory.done.has(removal.metadata.uid ?? ''),
      )
      .map((removal) => ({ removal, projectUID: projectOf(removal)?.metadata.uid })),
    record: builds
      .filter((build) => !isArchived(build) && !memory.done.has(build.metadata.uid ?? '') && isRecordable(build))
      .flatMap((build) => {
        const project = projectOf(build);
        return project === undefined ? [] : [{ build, project }];
      })
      .sort((a, b) => (numberOf(a.build) ?? 0) - (numberOf(b.build) ?? 0)),
  };
}

export function isArchived({ metadata }: Build | Removal): boolean {
  return metadata.annotations?.[ARCHIVED_ANNOTATION] !== undefined;
}

/** Numbers that live Removals name: those builds are never recorded. One that was refused leaves its builds as they are. */
export function removedNumbers(removals: readonly Removal[]): Map<string, Set<number>> {
  const removed = new Map<string, Set<number>>();
  for (const removal of removals) {
    if (outcomeOf(removal) === 'refused') continue;
    const { metadata, spec } = removal;
    const key = projectKey(metadata.namespace, spec.project);
    const numbers = removed.get(key) ?? new Set();
    removed.set(key, numbers);
    for (const number of spec.builds) numbers.add(number);
  }
  return removed;
}

/** Rows are deleted only when the results are gone: until then it may still be refused. */
function outcomeOf({ status }: Removal): 'open' | 'removed' | 'refused' {
  const conditions = status?.conditions as Condition[] | undefined;
  if (!isTrue(conditions, COMPLETE)) return 'open';
  return isTrue(conditions, SUCCEEDED) ? 'removed' : 'refused';
}

export function isRemoved(build: Build, removed: ReadonlyMap<string, ReadonlySet<number>>): boolean {
  const number = numberOf(build);
  if (number === undefined) return false;
  return removed.get(projectKey(build.metadata.namespace, build.spec.project))?.has(number) ?? false;
}

export function packageKey({ projectUID, name, declared }: NewPackage): string {
  return `${projectUID} ${declared ? 'declared' : 'seen'} ${name}`;
}

export function projectKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

function isRecordable(build: Build): boolean {
  return isComplete(build) && numberOf(build) !== undefined && build.status?.state !== undefined;
}

function declaredPackage(pkg: Package, project: Project | undefined): NewPackage | undefined {
  const projectUID = project?.metadata.uid;
  if (projectUID === undefined || pkg.metadata.deletionTimestamp !== undefined) return undefined;
  return { projectUID, name: packageNameOf(pkg), declared: true, firstSource: null };
}

function seenPackage(build: Build, project: Project | undefined): NewPackage | undefined {
  const name = build.status?.package;
  const projectUID = project?.metadata.uid;
  if (name === undefined || projectUID === undefined) return undefined;
  return { projectUID, name, declared: false, firstSource: build.spec.source ?? null };
}

/** Objects in a cache are never changed, only replaced; and this is asked for all Projects whenever a Build changes. */
const rows = new WeakMap<Project, ProjectRow>();

function rowOf(project: Project): ProjectRow {
  const known = rows.get(project);
  if (known !== undefined) return known;
  const row = projectRowOf(project);
  rows.set(project, row);
  return row;
}

function sameRow(a: ProjectRow, b: ProjectRow | undefined): boolean {
  return b !== undefined && a.id === b.id && a.owner === b.owner && a.name === b.name;
}
