import type { Build } from '../../crds/build.ts';
import { projectNameOf, REGENERATE_ANNOTATION } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import { hasSucceeded, isComplete } from '../../crds/states.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { setCondition } from '../../operator/conditions.ts';
import { MAX_DIRECTORIES } from './names.ts';
import { isDone } from './repositories.ts';
import type { ProjectWorld } from './world.ts';

export type ProjectStatus = NonNullable<Project['status']>;

/** The wish for new metadata, if there is one. Longer values than a status can echo are cut off. */
export function regenerationOf({ metadata }: Project): string | undefined {
  const value = metadata.annotations?.[REGENERATE_ANNOTATION];
  return value === undefined || value === '' ? undefined : value.slice(0, 256);
}

/** The one place where the status of a Project is made. Without a condition the Ready condition stays as it is. */
export function projectStatus(
  world: ProjectWorld,
  now: number,
  ready: Pick<Condition, 'status' | 'reason' | 'message'> | undefined,
): ProjectStatus {
  const { project, owner, repositories, directories } = world;
  const previous = project.status;
  const answer = isDone(repositories) ? repositories : undefined;
  // Only what the publisher has made repositories for: this name decides what a deletion deletes.
  const mine = answer && 'owner' in owner ? owner.owner : previous?.owner;
  const before = previous?.conditions as Condition[] | undefined;
  const conditions = ready
    ? setCondition(before, { type: 'Ready', ...ready }, project.metadata.generation, toTimestamp(now))
    : before;
  // Nothing is left to be asked for.
  const settled = ready?.status === 'True' && (directories?.pending ?? []).length === 0;
  const observed = settled ? project.metadata.generation : previous?.observedGeneration;
  const regenerated = settled && answer ? regenerationOf(project) : undefined;
  return {
    ...defined({
      observedGeneration: observed,
      conditions,
      id: previous?.id,
      name: mine === undefined ? previous?.name : projectNameOf(project),
      owner: mine,
      directories: known(previous?.directories, directories?.done),
      regenerated: regenerated ?? previous?.regenerated,
      publicKeyURL: answer?.publicKeyURL ?? previous?.publicKeyURL,
      publicKeyFingerprint: answer?.publicKeyFingerprint ?? previous?.publicKeyFingerprint,
      chroots: answer?.chroots.map(shown) ?? previous?.chroots,
    }),
    builds: counts(world.builds),
    ready: ready?.status ?? previous?.ready ?? 'Unknown',
    chrootCount: project.spec.chroots.length,
  };
}

/** What exists stays in the list: only deletion of the Project takes directories away. */
function known(before: readonly string[] | undefined, made: readonly string[] | undefined): string[] | undefined {
  const all = [...new Set([...(before ?? []), ...(made ?? [])])].sort().slice(0, MAX_DIRECTORIES);
  return all.length === 0 ? undefined : all;
}

type ChrootEntry = NonNullable<ProjectStatus['chroots']>[number];

function shown({ name, repoURL, repoFileURL, generation, packages }: ChrootEntry): ChrootEntry {
  return { name, repoURL, repoFileURL, generation, packages };
}

function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function counts(builds: readonly Build[]): NonNullable<ProjectStatus['builds']> {
  const active = builds.filter((build) => !isComplete(build)).length;
  const succeeded = builds.filter(hasSucceeded).length;
  return { total: builds.length, active, succeeded, failed: builds.length - active - succeeded };
}
