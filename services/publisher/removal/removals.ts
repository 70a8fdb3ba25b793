import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, ifThere } from '../../../lib/durable.ts';
import type { Logger } from '../../../lib/log.ts';
import type { RemovalDone } from '../../../lib/protocol/publisher.ts';
import { SOURCE_CHROOT } from '../../../lib/protocol/task.ts';
import { ApiError, describeError } from '../api-error.ts';
import type { TaskStore } from '../ingest/task-store.ts';
import {
  buildNumberOf,
  type ChrootName,
  isChroot,
  mainProject,
  type Paths,
  projectName,
  type ResultDirectory,
  removalName,
} from '../paths.ts';
import { directoriesOf } from '../project/directories.ts';
import type { ProjectGate } from '../project/gate.ts';
import { repositoryDirectory, repositoryKinds } from '../repository/change.ts';
import type { RepositoryEngine } from '../repository/engine.ts';
import { LINK_NAME } from '../repository/generation.ts';
import { throwAway } from '../trash.ts';
import type { RemovalKey, RemovedBuilds } from './removed-builds.ts';

export interface RemovalsOptions {
  paths: Paths;
  gate: ProjectGate;
  tasks: TaskStore;
  removed: RemovedBuilds;
  engine: RepositoryEngine;
  log: Logger;
}

/**
 * Removes what builds have published. The record comes first: from then on their packages are in no new metadata and their tasks are
 * given up. Then the metadata is made anew, and only when no current one names their files these leave the tree. A removal cut short by the end
 * of the process goes on at the next start; every step may run twice.
 */
export class Removals {
  readonly #options: RemovalsOptions;
  readonly #running = new Map<string, Promise<RemovalDone>>();

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  /** Starts the removal, or joins it. Throws ApiError 400 for names that cannot be. */
  remove(name: string, request: RemovalKey['request']): Promise<RemovalDone> {
    const { owner, project } = projectName(request.owner, mainProject(request.project));
    const builds = [...new Set(request.builds)].sort((a, b) => a - b);
    const key: RemovalKey = { name: removalName(name), request: { owner, project, builds } };
    const id = JSON.stringify(key);
    const running = this.#running.get(id);
    if (running !== undefined) return running;
    const result = this.#run(key).finally(() => this.#running.delete(id));
    this.#running.set(id, result);
    result.catch((error: unknown) =>
      this.#options.log.warn(
        { name, owner, project, ...describeError(error) },
        'removal failed, the next request repeats it',
      ),
    );
    return result;
  }

  /** Takes up what an earlier process left unfinished. */
  async resume(): Promise<void> {
    for await (const { name, request } of this.#options.removed.unfinished()) {
      this.#options.log.info({ name, ...request }, 'an unfinished removal is continued');
      void this.remove(name, request);
    }
  }

  /** Resolves when no removal is running. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.values());
  }

  async #run(key: RemovalKey): Promise<RemovalDone> {
    const { removed, gate, tasks, log } = this.#options;
    const { owner, project, builds } = key.request;
    const before = await removed.read(key);
    if (before?.done === true) return { state: 'done', removed: before.removed };
    // Alone in the project: no step that has looked at the record before comes after it.
    const found = await gate.alone(key.request, async () => {
      const directories = await this.#find(key);
      if (before === undefined) {
        await removed.write(key, { owner, project, builds, removed: directories.length, done: false });
      }
      tasks.forgetOwners();
      return directories;
    });
    for (const [chroot, directories] of byChroot(found)) await this.#removeFrom(chroot, directories);
    const count = before?.removed ?? found.length;
    await removed.write(key, { owner, project, builds, removed: count, done: true });
    log.info({ name: key.name, owner, project, builds: builds.length, removed: count }, 'builds are removed');
    return { state: 'done', removed: count };
  }

  /** The results directories of the builds, wherever in the project they are. */
  async #find({ request }: RemovalKey): Promise<ResultDirectory[]> {
    const { paths } = this.#options;
    const wanted = new Set(request.builds);
    const found: ResultDirectory[] = [];
    for (const name of await directoriesOf(paths, request)) {
      for (const chroot of await readdir(paths.project(name))) {
        if (chroot !== SOURCE_CHROOT && !isChroot(chroot)) continue;
        for (const directory of (await ifThere(readdir(paths.chroot({ ...name, chroot })))) ?? []) {
          if (wanted.has(buildNumberOf(directory) ?? 0)) found.push({ ...name, chroot, directory });
        }
      }
    }
    return found;
  }

  async #removeFrom(chroot: ChrootName, directories: readonly ResultDirectory[]): Promise<void> {
    const { paths, gate, engine, tasks, log } = this.#options;
    const visit = gate.visit(chroot);
    try {
      for (const kind of chroot.chroot === SOURCE_CHROOT ? [] : repositoryKinds) {
        if (!(await exists(join(repositoryDirectory(paths.chroot(chroot), kind), LINK_NAME)))) continue;
        await engine.update(chroot, { add: [], remove: [] }, visit, kind);
      }
      for (const each of directories) {
        await gate.run(visit, async () => {
          await tasks.forgetResults(paths.result(each));
          await throwAway(paths, paths.result(each), log);
        });
      }
    } catch (error) {
      // With the project everything of the builds is gone.
      if (!(error instanceof ApiError) || error.code !== 'ProjectDeleted') throw error;
    }
  }
}

function byChroot(found: readonly ResultDirectory[]): [ChrootName, ResultDirectory[]][] {
  const groups = new Map<string, [ChrootName, ResultDirectory[]]>();
  for (const each of found) {
    const { owner, project, chroot } = each;
    const key = `${project}/${chroot}`;
    const group = groups.get(key) ?? [{ owner, project, chroot }, []];
    group[1].push(each);
    groups.set(key, group);
  }
  return [...groups.values()];
}
