import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { type HousekeepingOptions, housekeep, prepareDataDirectory, tidy } from './housekeeping.ts';
import { type Paths, pathsOf } from './paths.ts';
import { RecordStore } from './records.ts';
import { RemovedBuilds } from './removal/removed-builds.ts';

const DAY = 86_400;
const now = 1_800_000_000;

let directory: string;
let paths: Paths;
let options: HousekeepingOptions;
let sleeps: number[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kopr-tidy-'));
  paths = pathsOf(directory);
  sleeps = [];
  const clock: Clock = { ...systemClock, now: () => now * 1000 };
  options = {
    paths,
    records: new RecordStore(paths),
    removed: new RemovedBuilds(paths),
    clock,
    log: pino({ level: 'silent' }),
    stagingDays: 7,
    recordDays: 30,
  };
  await prepareDataDirectory(paths);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(path: string, age: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '{}');
  for (let each = path; each !== directory; each = dirname(each)) await utimes(each, now - age, now - age);
}

describe('housekeeping', () => {
  it('removes uploads that nobody published in a week, and no others', async () => {
    await put(join(paths.upload('old'), 'blobs', 'a'), 8 * DAY);
    await put(join(paths.upload('wanted'), 'publication.json'), 29 * DAY);
    await put(join(paths.upload('hopeless'), 'publication.json'), 31 * DAY);
    await put(join(paths.upload('fresh'), 'blobs', 'a'), 6 * DAY);
    await put(join(paths.upload('growing'), 'manifest.json'), 8 * DAY);
    await put(join(paths.upload('growing'), 'blobs', 'a'), 1 * DAY);
    await utimes(paths.upload('growing'), now - 8 * DAY, now - 8 * DAY);
    await tidy(options);
    expect((await readdir(paths.staging)).sort()).toEqual(['fresh', 'growing', 'wanted']);
  });

  it('removes answers that are a month old', async () => {
    const [old, young] = ['aa000000-0000-4000-8000-000000000000.1', 'aa000000-0000-4000-8000-000000000001.1'];
    await options.records.write(old, { state: 'forgotten' });
    await options.records.write(young, { state: 'forgotten' });
    await utimes(paths.record(old), now - 31 * DAY, now - 31 * DAY);
    await utimes(paths.record(young), now - 29 * DAY, now - 29 * DAY);
    await tidy(options);
    expect(await options.records.read(old)).toBeUndefined();
    expect(await options.records.read(young)).toEqual({ state: 'forgotten' });
  });

  it('empties scratch and trash at the start and touches nothing else', async () => {
    for (const path of [paths.work, paths.trash, paths.results, paths.staging]) await put(join(path, 'x', 'y'), 0);
    await prepareDataDirectory(paths);
    expect(await readdir(paths.work)).toEqual([]);
    expect(await readdir(paths.trash)).toEqual([]);
    expect(await readdir(paths.results)).toEqual(['x']);
    expect(await readdir(paths.staging)).toEqual(['x']);
  });

  it('is done every hour until it is stopped, whatever goes wrong', async () => {
    const stop = new AbortController();
    const clock: Clock = {
      ...options.clock,
      sleep: async (ms) => {
        sleeps.push(ms);
        if (sleeps.length === 1) await rm(paths.staging, { recursive: true });
        if (sleeps.length === 3) stop.abort();
      },
    };
    await housekeep({ ...options, clock }, stop.signal);
    expect(sleeps).toEqual([3_600_000, 3_600_000, 3_600_000]);
  });
});
