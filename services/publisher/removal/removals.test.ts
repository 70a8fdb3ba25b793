import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { readGeneration } from '../repository/generation.ts';
import { Bed, CHROOT, type Pause, PROJECT } from '../testing/bed.ts';
import { RemovedBuilds } from './removed-builds.ts';

const PULL = 'hello:pr:1';
const removedBuild = { status: 410, code: 'BuildRemoved' };

let packages: string[];
let built: string;
let bed: Bed;

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'kopr-removals-'));
  packages = await buildPackages(built, { name: 'hello', arch: 'x86_64' });
});

afterAll(() => rm(built, { recursive: true, force: true }));

beforeEach(async () => {
  bed = await Bed.create();
  await bed.setUp();
});

afterEach(() => bed.remove());

function remove(name: string, ...builds: number[]): Promise<unknown> {
  return bed.removals.remove(name, { ...PROJECT, builds });
}

function chrootOf(project: string): string {
  return bed.paths.chroot({ ...PROJECT, project, chroot: CHROOT });
}

/** Numbers of the builds on the disk and in the metadata, which must be the same. */
async function builds(project: string = PROJECT.project, repository = chrootOf(project)): Promise<number[]> {
  const onDisk = (await readdir(chrootOf(project)))
    .filter((name) => /^[0-9]/.test(name))
    .map((name) => Number.parseInt(name, 10));
  const listed = [...((await readGeneration(repository))?.list.keys() ?? [])].map((path) => Number.parseInt(path, 10));
  expect([...new Set(listed)].sort()).toEqual(onDisk.sort());
  return onDisk;
}

async function publish(number: number, project: string = PROJECT.project) {
  const admitted = await bed.admit(`${String(number).padStart(8, '0')}-hello`, undefined, project);
  await bed.uploadPackages(admitted, packages);
  await bed.publish(admitted);
  return admitted;
}

describe('builds that are removed', () => {
  it('leave all chroots and directories of the project, and no other build does', async () => {
    await bed.setUp(PULL);
    await bed.setUp('hello-too');
    for (const number of [1, 2, 11]) await publish(number);
    await publish(3, PULL);
    await publish(4, PULL);
    await publish(1, 'hello-too');
    const source = join(bed.paths.project(PROJECT), 'srpm-builds');
    for (const name of ['00000001', '00000002']) await mkdir(join(source, name), { recursive: true });
    expect(await remove('a', 1, 3, 99)).toEqual({ state: 'done', removed: 3 });
    expect([await builds(), await builds(PULL), await builds('hello-too')]).toEqual([[11, 2].sort(), [4], [1]]);
    expect(await readdir(source)).toEqual(['00000002']);
    const generation = (await readGeneration(chrootOf('hello')))?.generation;
    // Again, in another order, and by another process: nothing is left to be done, and the answer is the same.
    expect(await remove('a', 99, 3, 1)).toEqual({ state: 'done', removed: 3 });
    expect((await readGeneration(chrootOf('hello')))?.generation).toBe(generation);
    expect(await remove('a', 2)).toEqual({ state: 'done', removed: 2 });
    expect(await builds()).toEqual([11]);
  });

  it('leave both repositories of a project in devel mode, and nothing else is made public', async () => {
    for (const number of [1, 2]) await publish(number);
    await bed.setUp('hello', { develMode: true });
    await publish(3);
    await remove('a', 1);
    expect(await builds('hello', join(chrootOf('hello'), 'devel'))).toEqual([2, 3]);
    const { list } = (await readGeneration(chrootOf('hello'))) ?? {};
    expect([...(list?.keys() ?? [])].map((path) => Number.parseInt(path, 10))).toEqual([2, 2]);
  });

  it('are gone with the project, too', async () => {
    await publish(1);
    await bed.projects.delete(PROJECT);
    expect(await remove('a', 1)).toEqual({ state: 'done', removed: 0 });
    await bed.setUp();
    expect(await builds()).toEqual([]);
  });

  it.each(['', '../x', 'a/b', '.hidden'])('are not removed under the name %j', async (name) => {
    expect(() => remove(name, 1)).toThrow('is not a valid removal name');
  });
});

describe('a build that is removed while its task is under way', () => {
  const pauses: Pause[] = ['signing packages', 'certificate', 'createrepo_c', 'signing metadata'];

  it.each(pauses)('is given up when its publication was at: %s', async (pause) => {
    await publish(2);
    const admitted = await bed.admit('00000001-hello');
    await bed.uploadPackages(admitted, packages);
    const stop = await bed.hold(pause);
    const publication = bed.publish(admitted);
    publication.catch(() => undefined);
    await stop.reached;
    const removal = remove('a', 1);
    // The update that holds the repository has to end first.
    if (pause !== 'createrepo_c' && pause !== 'signing metadata') await removal;
    stop.go();
    await removal;
    await expect(publication).rejects.toMatchObject({ status: 410 });
    expect(await builds()).toEqual([2]);
    expect(await readdir(bed.paths.staging)).toEqual([]);
    await expect(bed.publish(admitted)).rejects.toMatchObject({ status: 410 });
    expect(await builds()).toEqual([2]);
  });

  it('gets no log, file or manifest any more, nor does a later attempt of it', async () => {
    const admitted = await bed.admit('00000001-hello');
    await bed.uploadPackages(admitted, packages);
    await remove('a', 1);
    const piece = bed.logs.append(admitted, 'builder-live.log', 0, Buffer.from('x'));
    await expect(piece).rejects.toMatchObject({ code: 'TaskComplete' });
    await expect(bed.admit('00000001-hello', admitted.task)).rejects.toMatchObject(removedBuild);
    await expect(bed.publish(admitted)).rejects.toMatchObject({ status: 410 });
    for (const project of ['hello', PULL]) {
      await expect(bed.admit('00000001-hello', undefined, project)).rejects.toMatchObject(removedBuild);
    }
    const source = { task: '11111111-0000-4000-8000-000000000000.1', dir: 'demo/hello/srpm-builds/00000001' };
    await expect(bed.tasks.admit(source.task, source)).rejects.toMatchObject(removedBuild);
    expect(await builds()).toEqual([]);
    expect(await readdir(bed.paths.staging)).toEqual([]);
  });
});

describe('the record of a removal', () => {
  it('keeps its builds away after the end of the process, and is forgotten when it is old and done', async () => {
    await remove('a', 1, 2);
    const later = new RemovedBuilds(bed.paths);
    expect(await later.of({ ...PROJECT, project: PULL })).toEqual(new Set([1, 2]));
    await expect(later.check({ ...PROJECT, chroot: CHROOT, directory: '00000002-hello' })).rejects.toMatchObject(
      removedBuild,
    );
    await later.check({ ...PROJECT, chroot: CHROOT, directory: '00000003-hello' });
    await later.check({ ...PROJECT, project: 'other', chroot: CHROOT, directory: '00000002-hello' });
    const request = { ...PROJECT, builds: [3] };
    await later.write({ name: 'half', request }, { ...request, removed: 1, done: false });
    expect(await later.removeOlderThan(0)).toBe(0);
    expect(await later.removeOlderThan(Number.MAX_SAFE_INTEGER)).toBe(1);
    expect(await new RemovedBuilds(bed.paths).of(PROJECT)).toEqual(new Set([3]));
  });

  it('that says it is not done is taken up at the next start', async () => {
    await publish(1);
    await publish(2);
    const request = { ...PROJECT, builds: [1] };
    await new RemovedBuilds(bed.paths).write({ name: 'half.v2', request }, { ...request, removed: 1, done: false });
    await bed.removals.resume();
    await bed.removals.idle();
    expect(await builds()).toEqual([2]);
    expect(await remove('half.v2', 1)).toEqual({ state: 'done', removed: 1 });
  });

  it('may stand beside files of others', async () => {
    await mkdir(bed.paths.removals(PROJECT), { recursive: true });
    await writeFile(join(bed.paths.removals(PROJECT), '.tmp-1'), 'half');
    expect(await remove('a', 1)).toEqual({ state: 'done', removed: 0 });
  });
});
