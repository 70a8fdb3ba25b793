import { exists } from '../../../lib/durable.ts';
import { KeyedLock } from '../../../lib/locks.ts';
import { ApiError } from '../api-error.ts';
import { mainProject, type Paths, type ProjectName } from '../paths.ts';

/** One piece of work in a project, bound to the life of the project in which it began. Made by ProjectGate.visit. */
export interface Visit {
  readonly owner: string;
  readonly project: string;
  /** How often this process had been asked to delete the project, or the directory of it, when the work began. */
  readonly deletions: number;
}

/**
 * Stands between the deletion of a project and everything that puts files into it. Work of any length begins with a visit; each of its
 * steps that shows something in the results tree runs alone in its project, after a look at whether the visit is still good. It is not
 * once the project was deleted, also when a new project of that name is there by then: what belongs to the old one must not come back.
 * A directory of a project, as `hello:pr:7`, can be deleted alone; the deletion of `hello` is that of all its directories, so they share
 * its lock.
 *
 * The count lives in memory only: with the process all visits end, and what goes on at the next start has to own its directory.
 */
export class ProjectGate {
  readonly #paths: Paths;
  readonly #locks = new KeyedLock();
  readonly #deletions = new Map<string, number>();

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  visit({ owner, project }: ProjectName): Visit {
    return { owner, project, deletions: this.#deletionsOf({ owner, project }) };
  }

  #deletionsOf(name: ProjectName): number {
    const own = this.#deletions.get(keyOf(name)) ?? 0;
    return isDirectory(name) ? own + (this.#deletions.get(keyOf(mainOf(name))) ?? 0) : own;
  }

  /** Was the project deleted since the visit began? */
  isOver(visit: Visit): boolean {
    return visit.deletions !== this.#deletionsOf(visit);
  }

  /** Throws ApiError 410 `ProjectDeleted` when the project was deleted before or since the visit began. */
  async check(visit: Visit): Promise<void> {
    if (this.isOver(visit) || (await exists(this.#paths.tombstone(visit)))) throw projectDeleted(visit);
    if (isDirectory(visit)) await this.checkMain(visit);
  }

  /** Throws ApiError 410 `ProjectDeleted` when the project that a directory belongs to is deleted. */
  async checkMain(name: ProjectName): Promise<void> {
    if (await exists(this.#paths.tombstone(mainOf(name)))) throw projectDeleted(name);
  }

  /** Runs a step alone in the project and all its directories. It must be short and must not enter the gate again. Throws as `check` does, before the step. */
  run<T>(visit: Visit, step: () => Promise<T>): Promise<T> {
    return this.alone(visit, async () => {
      await this.check(visit);
      return step();
    });
  }

  /** As `run`, whether or not the project is deleted: for who makes and deletes it. */
  alone<T>(name: ProjectName, step: () => Promise<T>): Promise<T> {
    return this.#locks.run(keyOf(mainOf(name)), step);
  }

  /** Ends all visits of the project. To be called alone in it, and only when its deletion is asked for. */
  end(name: ProjectName): void {
    this.#deletions.set(keyOf(name), (this.#deletions.get(keyOf(name)) ?? 0) + 1);
  }
}

export function projectDeleted({ owner, project }: ProjectName): ApiError {
  return new ApiError(
    410,
    'ProjectDeleted',
    `the project ${owner}/${project} was deleted; nothing of its builds is taken in or published any more`,
  );
}

function mainOf({ owner, project }: ProjectName): ProjectName {
  return { owner, project: mainProject(project) };
}

/** Is it a directory of a project, and not the project itself? */
export function isDirectory({ project }: ProjectName): boolean {
  return mainProject(project) !== project;
}

function keyOf({ owner, project }: ProjectName): string {
  return `${owner}/${project}`;
}
