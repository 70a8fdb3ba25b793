import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, ifThere, makeDirectory, readIfThere, removeTree, writeFileAtomic } from '../../../lib/durable.ts';
import { KeyedLock } from '../../../lib/locks.ts';
import type { Logger } from '../../../lib/log.ts';
import { type TaskManifest, type TaskState, taskManifest } from '../../../lib/protocol/publisher.ts';
import type { TaskClaims } from '../../../lib/protocol/token.ts';
import { ApiError } from '../api-error.ts';
import { type Paths, parseResultDirectory, type ResultDirectory, relativePath, taskId } from '../paths.ts';
import type { ProjectGate, Visit } from '../project/gate.ts';
import type { RecordStore } from '../records.ts';
import type { RemovedBuilds } from '../removal/removed-builds.ts';
import {
  claim,
  holdsPackages,
  OWNER_FILE,
  type Ownership,
  ownersIn,
  readOwnership,
  setLogsAside,
} from './ownership.ts';
import { gone, inUse } from './refusals.ts';

/** A task that may send: its token was good, and it owns its results directory. */
export interface AdmittedTask {
  task: string;
  directory: ResultDirectory;
  /** Of the request, begun when the task was admitted. */
  visit: Visit;
}

export interface TaskStoreOptions {
  paths: Paths;
  gate: ProjectGate;
  records: RecordStore;
  removed: RemovedBuilds;
  log: Logger;
}

/**
 * Who may still send what. A task is open from its first request to its manifest; later it is immutable. A results directory belongs to
 * one build for ever, and to one task of it at a time: a later attempt takes it over, and from then on the earlier one, should its pod
 * still run, is refused. Order of locks: the task, then the gate of its project.
 */
export class TaskStore {
  readonly #options: TaskStoreOptions;
  /** Owners of results directories as on disk, so that a log line costs no look-up. */
  #owners = new Map<string, string>();
  /** Serialises what changes a task or its live log. */
  readonly locks = new KeyedLock();

  constructor(options: TaskStoreOptions) {
    this.#options = options;
  }

  /** Throws ApiError 403 for another task's token, 409 for another build's directory, 410 when the task lost its place for good. */
  async admit(task: string, claims: TaskClaims): Promise<AdmittedTask> {
    if (claims.task !== taskId(task)) throw new ApiError(403, 'WrongTask', 'the bearer token is for another task');
    const directory = parseResultDirectory(claims.dir);
    const { gate } = this.#options;
    const visit = gate.visit(directory);
    if (this.#owners.get(relativePath(directory)) !== task) {
      await this.locks.run(task, () => gate.run(visit, () => this.#own(task, directory)));
    }
    return { task, directory, visit };
  }

  async #own(task: string, directory: ResultDirectory): Promise<void> {
    await this.#options.removed.check(directory);
    const { paths, records, log } = this.#options;
    const path = paths.result(directory);
    const owner = await readOwnership(path);
    const [record, ownerRecord] = await Promise.all([records.read(task), owner && records.read(owner.task)]);
    const answer = claim(task, record?.state, owner, ownerRecord?.state, await holdsPackages(path));
    if (answer === 'gone') throw gone(task);
    if (answer === 'in-use') throw inUse(directory, owner);
    if (answer === 'take-over' && owner !== undefined) {
      await setLogsAside(path, owner.task);
      log.info({ dir: relativePath(directory), task, previous: owner.task }, 'results directory taken over');
    }
    if (answer !== 'owned') {
      await makeDirectory(path);
      const superseded = owner === undefined ? [] : [...owner.superseded, owner.task].slice(-100);
      await writeFileAtomic(join(path, OWNER_FILE), JSON.stringify({ task, superseded } satisfies Ownership));
    }
    if (this.#owners.size > 10_000) this.#owners.clear();
    this.#owners.set(relativePath(directory), task);
  }

  /** Throws ApiError 409 or 410 unless the directory is the task's and its build is not removed. What must hold for a step is asked inside the gate of the project. */
  async checkOwner(task: string, directory: ResultDirectory): Promise<void> {
    await this.#options.removed.check(directory);
    if (this.#owners.get(relativePath(directory)) === task) return;
    const owner = await readOwnership(this.#options.paths.result(directory));
    if (owner?.task === task) return;
    if (owner?.superseded.includes(task) === true) throw gone(task);
    if (owner === undefined) {
      const message = `the task ${task} has sent nothing to ${relativePath(directory)}, or that was removed`;
      throw new ApiError(410, 'ResultsGone', message);
    }
    throw new ApiError(
      409,
      'WrongDirectory',
      `the results of task ${task} do not belong in ${relativePath(directory)}`,
    );
  }

  /** Why nothing is published to the directory any more, if its build was removed. */
  removalOf(directory: ResultDirectory): Promise<ApiError | undefined> {
    return this.#options.removed.reason(directory);
  }

  /** Makes every task prove itself again; called when directories were removed. */
  forgetOwners(): void {
    this.#owners = new Map();
  }

  /**
   * Refuses from now on every task that owns or owned a results directory in this tree and has not ended: its pod may outlive the
   * project, and a new project of that name. To be called alone in the project, whose visits have ended.
   */
  async forgetTree(project: string): Promise<void> {
    for await (const owner of ownersIn(project)) await this.#forgetOwner(owner);
  }

  /** The same for one results directory, which is to be removed. */
  async forgetResults(path: string): Promise<void> {
    const owner = await readOwnership(path);
    if (owner !== undefined) await this.#forgetOwner(owner);
    this.forgetOwners();
  }

  async #forgetOwner({ task, superseded }: Ownership): Promise<void> {
    const { paths, records } = this.#options;
    for (const each of [task, ...superseded]) {
      if ((await records.read(each)) === undefined) await records.write(each, { state: 'forgotten' });
      // Whatever its record says: an earlier process may have died between the two.
      await removeTree(paths.upload(each));
    }
  }

  async manifestOf(task: string): Promise<TaskManifest | undefined> {
    const bytes = await readIfThere(this.#manifestPath(task));
    if (bytes !== undefined) return taskManifest.parse(JSON.parse(bytes.toString('utf8')));
    const record = await this.#options.records.read(task);
    return record === undefined || record.state === 'forgotten' ? undefined : record.manifest;
  }

  /**
   * Runs a step of a task that may still send files: neither its end nor a deletion, of the task or its project, comes in between. Throws
   * ApiError 410 when it was given up or its project was deleted since it was admitted, 409 `TaskComplete` when it has ended otherwise;
   * the step is not run then. It must be short.
   */
  whileOpen<T>({ task, visit }: AdmittedTask, step: () => Promise<T>): Promise<T> {
    return this.locks.run(task, () =>
      this.#options.gate.run(visit, async () => {
        await this.#refuseForgotten(task);
        if (await this.isComplete(task)) {
          throw new ApiError(409, 'TaskComplete', `the task ${task} is complete; it takes no further files`);
        }
        return step();
      }),
    );
  }

  async #refuseForgotten(task: string): Promise<void> {
    if ((await this.#options.records.read(task))?.state === 'forgotten') throw gone(task);
  }

  async isComplete(task: string): Promise<boolean> {
    return (await exists(this.#manifestPath(task))) || (await this.#options.records.read(task)) !== undefined;
  }

  /** Milliseconds since the epoch at which the manifest arrived. */
  async completedAt(task: string): Promise<number | undefined> {
    return (await ifThere(stat(this.#manifestPath(task))))?.mtimeMs;
  }

  /**
   * Closes the task. Every file of the manifest must have arrived. Throws ApiError 409 when it is closed with another manifest, 410 when
   * it was given up or its project was deleted.
   */
  async complete({ task, visit }: AdmittedTask, manifest: TaskManifest): Promise<void> {
    await this.locks.run(task, async () => {
      const { paths, gate } = this.#options;
      await gate.check(visit);
      await this.#refuseForgotten(task);
      const before = await this.manifestOf(task);
      if (before !== undefined) {
        if (canonical(before) === canonical(manifest)) return;
        throw new ApiError(409, 'TaskComplete', `the task ${task} was completed before, with other results`);
      }
      const names = new Set(manifest.files.map((file) => file.name));
      if (names.size !== manifest.files.length)
        throw new ApiError(400, 'InvalidRequest', 'a file is in the manifest twice');
      for (const file of manifest.files) {
        const blob = await ifThere(stat(this.blobPath(task, file.sha256)));
        if (blob?.size === file.size) continue;
        throw new ApiError(
          422,
          'MissingFile',
          `the file ${file.name} of the manifest has not been uploaded with that content`,
        );
      }
      await gate.run(visit, async () => {
        await makeDirectory(paths.upload(task));
        await writeFileAtomic(this.#manifestPath(task), JSON.stringify(manifest));
      });
      this.#options.log.info(
        { task, files: manifest.files.length, outcome: manifest.verdict.outcome },
        'task is complete',
      );
    });
  }

  async stateOf(task: string): Promise<TaskState> {
    const manifest = await this.manifestOf(taskId(task));
    if (manifest !== undefined) return { state: 'complete', manifest };
    return { state: (await exists(this.#options.paths.upload(task))) ? 'receiving' : 'none' };
  }

  /** Drops what the task has sent and refuses it from now on. What it has published already stays. */
  async forget(task: string): Promise<void> {
    const { paths, records } = this.#options;
    await this.locks.run(taskId(task), async () => {
      if ((await records.read(task)) === undefined) await records.write(task, { state: 'forgotten' });
      this.forgetOwners();
      await removeTree(paths.upload(task));
    });
  }

  blobPath(task: string, sha256: string): string {
    return join(this.#options.paths.upload(task), 'blobs', sha256);
  }

  #manifestPath(task: string): string {
    return join(this.#options.paths.upload(task), 'manifest.json');
  }
}

function canonical(manifest: TaskManifest): string {
  const files = [...manifest.files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const { verdict } = manifest;
  return JSON.stringify([
    [verdict.outcome, verdict.reason, verdict.message, verdict.exitCode],
    files.map((file) => [file.name, file.size, file.sha256]),
  ]);
}
