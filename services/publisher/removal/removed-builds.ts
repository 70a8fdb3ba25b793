import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { exists, ifThere, makeDirectory, readIfThere, removeFile, writeFileAtomic } from '../../../lib/durable.ts';
import type { RemovalRequest } from '../../../lib/protocol/publisher.ts';
import { ApiError } from '../api-error.ts';
import { buildNumberOf, type Paths, type ProjectName, type ResultDirectory, relativePath } from '../paths.ts';

const removalRecord = z.object({
  owner: z.string(),
  project: z.string(),
  builds: z.array(z.int().positive()),
  /** Results directories there were when the removal began. */
  removed: z.int().min(0),
  done: z.boolean(),
});
export type RemovalRecord = z.infer<typeof removalRecord>;

/** One removal: the same name with other builds is another one. */
export interface RemovalKey {
  name: string;
  request: RemovalRequest;
}

/**
 * The builds that were removed, by project: from the moment a removal is on record, nothing of its builds is taken in, published or
 * listed in metadata. Numbers of builds are never used again, so a record does no harm to a later project of that name.
 */
export class RemovedBuilds {
  readonly #paths: Paths;
  /** As on disk, so that a log line costs no look-up. */
  readonly #builds = new Map<string, Promise<Set<number>>>();

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** Of the project and all its directories. */
  of(name: ProjectName): Promise<ReadonlySet<number>> {
    return this.#of(name);
  }

  #of(name: ProjectName): Promise<Set<number>> {
    const key = this.#paths.removals(name);
    const known = this.#builds.get(key);
    if (known !== undefined) return known;
    const loading = this.#load(key);
    this.#builds.set(key, loading);
    loading.catch(() => this.#builds.delete(key));
    return loading;
  }

  async #load(directory: string): Promise<Set<number>> {
    const builds = new Set<number>();
    for (const name of (await ifThere(readdir(directory))) ?? []) {
      if (!name.endsWith('.json')) continue;
      for (const build of (await readRecord(join(directory, name)))?.builds ?? []) builds.add(build);
    }
    return builds;
  }

  /** Throws ApiError 410 `BuildRemoved` when the results directory is one of a removed build. */
  async check(directory: ResultDirectory): Promise<void> {
    const reason = await this.reason(directory);
    if (reason !== undefined) throw reason;
  }

  async reason(directory: ResultDirectory): Promise<ApiError | undefined> {
    const number = buildNumberOf(directory.directory);
    if (number === undefined || !(await this.#of(directory)).has(number)) return undefined;
    return new ApiError(
      410,
      'BuildRemoved',
      `the build ${number} was removed; nothing for ${relativePath(directory)} is taken in or published any more`,
    );
  }

  async read(key: RemovalKey): Promise<RemovalRecord | undefined> {
    const record = await readRecord(this.#path(key));
    if (record !== undefined) await this.#learn(record);
    return record;
  }

  async write(key: RemovalKey, record: RemovalRecord): Promise<void> {
    await makeDirectory(this.#paths.removals(key.request));
    await writeFileAtomic(this.#path(key), JSON.stringify(record));
    await this.#learn(record);
  }

  async #learn(record: RemovalRecord): Promise<void> {
    const builds = await this.#of(record);
    for (const build of record.builds) builds.add(build);
  }

  #path({ name, request }: RemovalKey): string {
    const digest = createHash('sha256').update(JSON.stringify(request.builds)).digest('hex').slice(0, 16);
    return join(this.#paths.removals(request), `${name}.${digest}.json`);
  }

  /** Removals that a dead process has left half done. */
  async *unfinished(): AsyncGenerator<RemovalKey> {
    for await (const path of this.#files()) {
      const record = await readRecord(path);
      if (record === undefined || record.done) continue;
      const { owner, project, builds } = record;
      const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.[0-9a-f]{16}\.json$/, '');
      yield { name, request: { owner, project, builds } };
    }
  }

  /** Forgets removals that were done before `time` (milliseconds since the epoch). Returns how many. */
  async removeOlderThan(time: number): Promise<number> {
    let removed = 0;
    for await (const path of this.#files()) {
      if (((await ifThere(stat(path)))?.mtimeMs ?? time) >= time || (await readRecord(path))?.done !== true) continue;
      await removeFile(path);
      removed++;
    }
    return removed;
  }

  async *#files(): AsyncGenerator<string> {
    const root = join(this.#paths.data, 'state', 'removed');
    if (!(await exists(root))) return;
    for (const each of await readdir(root, { recursive: true })) if (each.endsWith('.json')) yield join(root, each);
  }
}

async function readRecord(path: string): Promise<RemovalRecord | undefined> {
  const bytes = await readIfThere(path);
  return bytes === undefined ? undefined : removalRecord.parse(JSON.parse(bytes.toString('utf8')));
}
