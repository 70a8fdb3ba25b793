import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { exists, ifThere, makeDirectory, removeTree } from '../../lib/durable.ts';
import type { Logger } from '../../lib/log.ts';
import { describeError } from './api-error.ts';
import type { Paths } from './paths.ts';
import type { RecordStore } from './records.ts';
import type { RemovedBuilds } from './removal/removed-builds.ts';

const DAY_MS = 86_400_000;
const INTERVAL_MS = 3_600_000;

/** Makes the top directories and empties those that hold nothing of worth after the end of a process. To be called before all else. */
export async function prepareDataDirectory(paths: Paths): Promise<void> {
  for (const directory of [paths.results, paths.staging, paths.records, paths.uploads, paths.work, paths.trash])
    await makeDirectory(directory);
  for (const directory of [paths.work, paths.trash]) {
    for (const name of await readdir(directory)) await removeTree(join(directory, name));
  }
}

export interface HousekeepingOptions {
  paths: Paths;
  records: RecordStore;
  removed: RemovedBuilds;
  clock: Clock;
  log: Logger;
  stagingDays: number;
  recordDays: number;
}

/** Removes uploads nobody published, and answers nobody asks for any more. */
export async function tidy({
  paths,
  records,
  removed,
  clock,
  log,
  stagingDays,
  recordDays,
}: HousekeepingOptions): Promise<void> {
  const oldest = clock.now() - stagingDays * DAY_MS;
  const oldestRecord = clock.now() - recordDays * DAY_MS;
  let uploads = 0;
  for (const task of await readdir(paths.staging)) {
    const path = paths.upload(task);
    // A publication that was asked for may be waiting for keygen or room on the disk; one that is as old as a record never ends.
    const limit = (await exists(join(path, 'publication.json'))) ? oldestRecord : oldest;
    if ((await lastChange(path)) >= limit) continue;
    await removeTree(path);
    uploads++;
  }
  const old = (await records.removeOlderThan(oldestRecord)) + (await removed.removeOlderThan(oldestRecord));
  if (uploads + old > 0) log.info({ uploads, records: old }, 'abandoned uploads and old records are removed');
}

/** Milliseconds since the epoch at which the upload last got or completed a file. */
async function lastChange(path: string): Promise<number> {
  const times = await Promise.all([path, join(path, 'blobs')].map((each) => ifThere(stat(each))));
  return Math.max(...times.map((each) => each?.mtimeMs ?? 0));
}

/** Tidies now and every hour until the signal is aborted. */
export async function housekeep(options: HousekeepingOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await tidy(options).catch((error: unknown) =>
      options.log.warn(describeError(error), 'housekeeping failed, it is tried again in an hour'),
    );
    await options.clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
  }
}
