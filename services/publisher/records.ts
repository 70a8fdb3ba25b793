import { opendir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ifThere, makeDirectory, readIfThere, removeFile, writeFileAtomic } from '../../lib/durable.ts';
import { publication, taskManifest } from '../../lib/protocol/publisher.ts';
import type { Paths } from './paths.ts';

/** How a task ended. It outlives the upload, so that a repeated request gets the same answer. */
const taskRecord = z.discriminatedUnion('state', [
  z.object({ state: z.literal('done'), manifest: taskManifest, publication }),
  /** The packages were not acceptable; `code` and `message` are the answer to every further request. */
  z.object({ state: z.literal('refused'), manifest: taskManifest, code: z.string(), message: z.string() }),
  z.object({ state: z.literal('forgotten') }),
]);
export type TaskRecord = z.infer<typeof taskRecord>;

export class RecordStore {
  readonly #paths: Paths;

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  async read(task: string): Promise<TaskRecord | undefined> {
    const bytes = await readIfThere(this.#paths.record(task));
    return bytes === undefined ? undefined : taskRecord.parse(JSON.parse(bytes.toString('utf8')));
  }

  async write(task: string, record: TaskRecord): Promise<void> {
    const path = this.#paths.record(task);
    await makeDirectory(dirname(path));
    await writeFileAtomic(path, JSON.stringify(record));
  }

  /** Removes records last written before `time` (milliseconds since the epoch). Returns how many. */
  async removeOlderThan(time: number): Promise<number> {
    let removed = 0;
    for await (const path of filesBelow(this.#paths.records)) {
      const file = await ifThere(stat(path));
      if (file === undefined || file.mtimeMs >= time) continue;
      await removeFile(path);
      removed++;
    }
    return removed;
  }
}

async function* filesBelow(root: string): AsyncGenerator<string> {
  const shards = await ifThere(opendir(root));
  if (shards === undefined) return;
  for await (const shard of shards) {
    const directory = await ifThere(opendir(join(root, shard.name)));
    if (directory === undefined) continue;
    for await (const file of directory) yield join(root, shard.name, file.name);
  }
}
