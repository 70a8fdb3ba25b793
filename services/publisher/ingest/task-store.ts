import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/log.ts';
import { type TaskManifest, type TaskState, taskManifest } from '../../../lib/protocol/publisher.ts';
import type { TaskClaims } from '../../../lib/protocol/token.ts';
import { ApiError } from '../api-error.ts';
import { exists, ifThere, makeDirectory, readIfThere, removeTree, writeFileAtomic } from '../durable.ts';
import { KeyedLock } from '../locks.ts';
import { type Paths, parseResultDirectory, type ResultDirectory, relativePath, taskId } from '../paths.ts';
import type { RecordStore } from '../records.ts';

/** File in a results directory that says whose it is; hidden from the web server. */
const OWNER_FILE = '.task';
const BACKUP_DIRECTORY = 'prev_build_backup';

const ownership = z.object({ task: z.string(), superseded: z.array(z.string()) });
type Ownership = z.infer<typeof ownership>;

/** A task that may send: its token was good, and it owns its results directory. */
export interface AdmittedTask {
  task: string;
  directory: ResultDirectory;
}

export interface TaskStoreOptions {
  paths: Paths;
  records: RecordStore;
  clock: Clock;
  log: Logger;
}

/**
 * Who may still send what. A task is open from its first request to its manifest; later it is immutable. A results directory belongs to
 * one task at a time: a later attempt takes it over, and from then on the earlier one, should its pod still run, is refused.
 */
export class TaskStore {
  readonly #options: TaskStoreOptions;
  /** Owners of results directories as on disk, so that a log line costs no look-up. */
  #owners = new Map<string, string>();
  readonly #directories = new KeyedLock();
  /** Serialises what changes a task or its live log. */
  readonly locks = new KeyedLock();

  constructor(options: TaskStoreOptions) {
    this.#options = options;
  }

  /** Throws ApiError 403 for another task's token, 410 when the task lost its place for good. */
  async admit(task: string, claims: TaskClaims): Promise<AdmittedTask> {
    if (claims.task !== taskId(task)) throw new ApiError(403, 'WrongTask', 'the bearer token is for another task');
    const directory = parseResultDirectory(claims.dir);
    const key = relativePath(directory);
    if (this.#owners.get(key) !== task) await this.#directories.run(key, () => this.#own(task, directory, key));
    return { task, directory };
  }

  async #own(task: string, directory: ResultDirectory, key: string): Promise<void> {
    const { paths, records, log } = this.#options;
    if (await exists(paths.tombstone(directory))) {
      throw new ApiError(410, 'ProjectDeleted', `the project ${directory.owner}/${directory.project} was deleted`);
    }
    if ((await records.read(task))?.state === 'forgotten') throw gone(task);
    const path = paths.result(directory);
    const old = await readOwnership(path);
    if (old !== undefined && old.task !== task) {
      if (old.superseded.includes(task) || isEarlierAttempt(task, old.task)) throw gone(task);
      await setLogsAside(path, old.task);
      log.info({ dir: key, task, previous: old.task }, 'a new task takes over the results directory');
    }
    if (old?.task !== task) {
      await makeDirectory(path);
      const superseded = old === undefined ? [] : [...old.superseded, old.task].slice(-100);
      await writeFileAtomic(join(path, OWNER_FILE), JSON.stringify({ task, superseded } satisfies Ownership));
    }
    if (this.#owners.size > 10_000) this.#owners.clear();
    this.#owners.set(key, task);
  }

  /** Throws ApiError 409 or 410 unless the directory is the task's. */
  async checkOwner(task: string, directory: ResultDirectory): Promise<void> {
    const owner = await readOwnership(this.#options.paths.result(directory));
    if (owner?.task === task) return;
    if (owner?.superseded.includes(task) === true) throw gone(task);
    throw new ApiError(
      409,
      'WrongDirectory',
      `the results of task ${task} do not belong in ${relativePath(directory)}`,
    );
  }

  /** Makes every task prove itself again; called when directories were removed. */
  forgetOwners(): void {
    this.#owners = new Map();
  }

  async manifestOf(task: string): Promise<TaskManifest | undefined> {
    const bytes = await readIfThere(this.#manifestPath(task));
    if (bytes !== undefined) return taskManifest.parse(JSON.parse(bytes.toString('utf8')));
    const record = await this.#options.records.read(task);
    return record === undefined || record.state === 'forgotten' ? undefined : record.manifest;
  }

  async isComplete(task: string): Promise<boolean> {
    return (await exists(this.#manifestPath(task))) || (await this.#options.records.read(task)) !== undefined;
  }

  /** Milliseconds since the epoch at which the manifest arrived. */
  async completedAt(task: string): Promise<number | undefined> {
    return (await ifThere(stat(this.#manifestPath(task))))?.mtimeMs;
  }

  /** Closes the task. Every file of the manifest must have arrived. Throws ApiError 409 when it is closed with another manifest. */
  async complete({ task }: AdmittedTask, manifest: TaskManifest): Promise<void> {
    await this.locks.run(task, async () => {
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
      await makeDirectory(this.#options.paths.upload(task));
      await writeFileAtomic(this.#manifestPath(task), JSON.stringify(manifest));
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

async function readOwnership(path: string): Promise<Ownership | undefined> {
  const bytes = await readIfThere(join(path, OWNER_FILE));
  return bytes === undefined ? undefined : ownership.parse(JSON.parse(bytes.toString('utf8')));
}

/** Task ids are `<uid>.<attempt>`: of one ChrootBuild, only the latest attempt counts. */
function isEarlierAttempt(task: string, owner: string): boolean {
  const [uid, attempt] = task.split('.');
  const [ownerUid, ownerAttempt] = owner.split('.');
  return uid === ownerUid && Number(attempt) < Number(ownerAttempt);
}

/** The log of an attempt that was lost is often the only hint why: it is kept beside the new one. */
async function setLogsAside(path: string, previous: string): Promise<void> {
  const logs =
    (await ifThere(readdir(path)))?.filter((name) => /\.log(\.gz)?$/.test(name) && !name.startsWith('.')) ?? [];
  const backup = join(path, BACKUP_DIRECTORY, previous);
  for (const name of logs) {
    await makeDirectory(backup);
    await rename(join(path, name), join(backup, name));
  }
}

function gone(task: string): ApiError {
  return new ApiError(410, 'TaskSuperseded', `the task ${task} was given up; nothing it sends is accepted any more`);
}

function canonical(manifest: TaskManifest): string {
  const files = [...manifest.files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const { verdict } = manifest;
  return JSON.stringify([
    [verdict.outcome, verdict.reason, verdict.message, verdict.exitCode],
    files.map((file) => [file.name, file.size, file.sha256]),
  ]);
}
