import { beforeEach, describe, expect, test } from 'vitest';
import type { Build } from '../crds/build.ts';
import type { ChrootBuild } from '../crds/chrootbuild.ts';
import type { ProjectView } from './cluster/index.ts';
import type { BuildDetail, ChrootRow } from './db/types.ts';
import { createLogStages } from './log-stages.ts';

const LOG = 'https://results.test/some/where/@g/p%3Acustom:x/fedora-44-x86_64/00000007-libstdc%2B%2B/builder-live.log';
const PATH = '@g/p:custom:x/fedora-44-x86_64/00000007-libstdc++/builder-live.log';
const signal = new AbortController().signal;

let build: Build | undefined;
let stages: ChrootBuild[];
let recorded: BuildDetail | undefined;
let rows: ChrootRow[];
let removed: boolean;
let elsewhere: Build | undefined;

beforeEach(() => {
  build = elsewhere = recorded = undefined;
  stages = [];
  rows = [];
  removed = false;
});

function aBuild(complete = false): Build {
  return { spec: { chroots: ['fedora-44-x86_64'] }, status: { conditions: conditions(complete) } } as unknown as Build;
}

function aStage(chroot: string, logURL: string | undefined, complete = false): ChrootBuild {
  return { spec: { chroot }, status: { logURL, conditions: conditions(complete) } } as unknown as ChrootBuild;
}

function conditions(complete: boolean): object[] {
  return [{ type: 'Complete', status: complete ? 'True' : 'False' }];
}

const view = { project: { spec: { chroots: [] } } } as unknown as ProjectView;
const logStages = createLogStages(
  {
    build: () => build,
    findBuild: () => Promise.resolve(elsewhere),
    chrootBuildsOf: () => stages,
    project: () => view,
    projectOf: () => view,
    isBeingRemoved: () => removed,
  },
  { builds: { get: () => Promise.resolve(recorded), chroots: () => Promise.resolve(rows) } },
);
const find = (chroot: string) => logStages.find(7, chroot, signal);

describe('a build of the cluster', () => {
  test('a stage that runs has a log that grows', async () => {
    build = aBuild();
    stages = [aStage('fedora-44-x86_64', LOG)];
    const stage = await find('fedora-44-x86_64');
    expect([stage?.path(), await stage?.over()]).toEqual([PATH, false]);
    stages = [aStage('fedora-44-x86_64', LOG, true)];
    expect(await stage?.over()).toBe(true);
  });

  test('a stage that is still to come is waited for, a chroot that is none of the build’s is not there', async () => {
    build = aBuild();
    const stage = await find('fedora-44-x86_64');
    expect([stage?.path(), await stage?.over()]).toEqual([undefined, false]);
    expect(await find('srpm-builds')).toBeDefined();
    expect(await find('fedora-43-x86_64')).toBe(undefined);
    stages = [aStage('fedora-44-x86_64', LOG)];
    expect(stage?.path()).toBe(PATH);
  });

  test('a build that ended before a stage began ends the wait', async () => {
    build = aBuild();
    const stage = await find('fedora-44-x86_64');
    build = aBuild(true);
    expect(await stage?.over()).toBe(true);
    expect(await find('fedora-44-x86_64')).toBe(undefined);
  });

  test('a log is still known when its build leaves the cluster while it is read', async () => {
    build = aBuild();
    stages = [aStage('fedora-44-x86_64', LOG)];
    const stage = await find('fedora-44-x86_64');
    build = undefined;
    expect([stage?.path(), await stage?.over()]).toEqual([PATH, true]);
  });
});

describe('a build of the history', () => {
  const row = { name: 'fedora-44-x86_64', logURL: LOG } as ChrootRow;

  test('its logs are whole', async () => {
    recorded = { id: 7, project: { owner: '@g', name: 'p' } } as BuildDetail;
    rows = [row];
    const stage = await find('fedora-44-x86_64');
    expect([stage?.path(), await stage?.over()]).toEqual([PATH, true]);
    expect(await find('fedora-43-x86_64')).toBe(undefined);
  });

  test('one that is being removed is not there any more', async () => {
    recorded = { id: 7, project: { owner: '@g', name: 'p' } } as BuildDetail;
    rows = [row];
    removed = true;
    expect(await find('fedora-44-x86_64')).toBe(undefined);
  });
});

test('a build that another replica made a moment ago is asked for', async () => {
  elsewhere = aBuild();
  const stage = await find('srpm-builds');
  expect(await stage?.over()).toBe(false);
  build = aBuild(true);
  expect(await stage?.over()).toBe(true);
  build = elsewhere = undefined;
  expect(await find('srpm-builds')).toBe(undefined);
});
