import { readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ProjectSettings, writeSettings } from '../project/settings.ts';
import { writeComps } from './comps.ts';
import { UnreadablePackagesError } from './engine.ts';
import { readGeneration, readLocations } from './generation.ts';
import {
  buildEnginePackages,
  chrootOfTest,
  EngineBed,
  type EnginePackages,
  nothing,
  type TestEngine,
} from './testing/engine.ts';

let bed: EngineBed;
let packages: EnginePackages;
let engine: TestEngine;

beforeAll(async () => {
  packages = await buildEnginePackages();
});

afterAll(() => packages.remove());

beforeEach(async () => {
  bed = await EngineBed.create(packages);
  engine = bed.engine();
});

afterEach(() => bed.remove());

function settings(change: ProjectSettings): Promise<void> {
  return writeSettings(bed.paths, chrootOfTest, change);
}

const on: ProjectSettings = { develMode: true, period: 'first' };
const off: ProjectSettings = { develMode: false, period: 'first' };

/** Numbers of the builds in the metadata itself, of the public repository or the other one. */
async function builds(repository = bed.chroot): Promise<string[]> {
  const generation = await readGeneration(repository);
  if (generation === undefined) throw new Error(`${repository} has no usable generation`);
  const locations = await readLocations(generation.directory, generation.files);
  expect([...locations].sort()).toEqual([...generation.list.keys()].sort());
  return [...locations].map((path) => path.slice(7, 8)).sort();
}

const devel = (): string => join(bed.chroot, 'devel');

describe('a repository in devel mode', () => {
  it('lists everything below devel, with a way to the packages, and leaves the public one', async () => {
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    await settings(on);
    const before = await bed.repodata('repomd.xml');
    // The first update finds what was there before.
    expect(await engine.updateDevel({ add: [await bed.publish(1)], remove: [] })).toEqual({
      generation: 1,
      packages: 2,
    });
    expect(await engine.updateDevel({ add: [await bed.publish(2)], remove: [] })).toEqual({
      generation: 2,
      packages: 3,
    });
    expect(await engine.updateDevel(nothing)).toEqual({ generation: 2, packages: 3 });
    expect(await engine.update(nothing)).toEqual({ generation: 1, packages: 1 });
    expect(await bed.repodata('repomd.xml')).toBe(before);
    expect(await builds()).toEqual(['0']);
    expect(await builds(devel())).toEqual(['0', '1', '2']);
    expect((await readdir(devel())).sort()).toEqual(['.repodata-1', '.repodata-2', 'repodata']);
  });

  it('is made public as a whole when devel mode ends, whatever was regenerated meanwhile', async () => {
    await settings(on);
    await engine.update(nothing);
    await engine.updateDevel({ add: [await bed.publish(0)], remove: [] });
    expect(await engine.update({ ...nothing, regenerate: 'a' })).toMatchObject({ packages: 1 });
    await engine.updateDevel({ add: [await bed.publish(1)], remove: [] });
    expect(await engine.update(nothing)).toMatchObject({ packages: 1 });
    await settings(off);
    expect(await engine.update(nothing)).toMatchObject({ packages: 2 });
    const { generation } = await engine.update(nothing);
    expect(await engine.update(nothing)).toMatchObject({ generation });
    // Once more: the repository below devel is old by now, and is brought up to date.
    await engine.update({ add: [await bed.publish(2)], remove: [] });
    expect(await builds(devel())).toEqual(['0', '1']);
    await settings({ ...on, period: 'second' });
    expect(await engine.updateDevel(nothing)).toMatchObject({ packages: 3 });
    await engine.updateDevel({ add: [await bed.publish(3)], remove: [] });
    expect(await builds()).toEqual(['0', '1', '2']);
    await settings({ ...off, period: 'second' });
    await engine.update(nothing);
    expect(await builds()).toEqual(['0', '1', '2', '3']);
  });

  it('is regenerated once for one wish, and keeps metadata that is being fetched', async () => {
    await settings(on);
    await engine.update(nothing);
    const old = (await bed.metadataFiles()).map((file) => file.name);
    await bed.publish(0);
    expect(await engine.update({ ...nothing, regenerate: 'a' })).toEqual({ generation: 2, packages: 1 });
    expect(await engine.update({ ...nothing, regenerate: 'a' })).toEqual({ generation: 2, packages: 1 });
    expect(await readdir(join(bed.chroot, 'repodata'))).toEqual(expect.arrayContaining(old));
    await bed.publish(1);
    expect(await engine.update({ ...nothing, regenerate: 'b' })).toEqual({ generation: 3, packages: 2 });
  });

  it('shows nothing that was held back when its metadata is broken', async () => {
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    await settings(on);
    await engine.updateDevel({ add: [await bed.publish(1)], remove: [] });
    await unlink(join(bed.chroot, 'repodata', (await bed.primary()).name));
    await engine.update(nothing);
    expect(await builds()).toEqual(['0']);
    for (const name of await readdir(bed.chroot))
      if (name.startsWith('.repodata')) await rm(join(bed.chroot, name), { recursive: true });
    await engine.update(nothing);
    expect(await builds()).toEqual([]);
  });

  it('says whose packages cannot be read, and serves everybody else', async () => {
    await settings(on);
    const [good, bad] = [await bed.publish(0), await bed.publish(1)];
    await writeFile(join(bed.chroot, bad), 'not a package');
    const results = await Promise.allSettled(
      [good, bad].map((path) => engine.updateDevel({ add: [path], remove: [] })),
    );
    expect(results).toMatchObject([
      { status: 'fulfilled', value: { packages: 1 } },
      { status: 'rejected', reason: expect.any(UnreadablePackagesError) },
    ]);
    expect(await builds(devel())).toEqual(['0']);
  });

  it('takes a public package anew whose file is another one, and adds none', async () => {
    const path = await bed.publish(0);
    await engine.update({ add: [path], remove: [] });
    await settings(on);
    const held = await bed.publish(1);
    expect(await engine.update({ ...nothing, refresh: [path, held] })).toEqual({ generation: 1, packages: 1 });
    await writeFile(join(bed.chroot, path), await readFile(packages.paths[2] ?? ''));
    expect(await engine.update({ ...nothing, refresh: [path, held] })).toEqual({ generation: 2, packages: 1 });
  });
});

describe('builds that were removed', () => {
  it.each([[on], [off]])('leave both repositories, and come back by no way, in %j', async (mode) => {
    await settings(mode);
    const paths = [await bed.publish(0), await bed.publish(1), await bed.publish(2)];
    await engine.update({ add: paths.slice(0, 2), remove: [] });
    await engine.updateDevel({ add: paths, remove: [] });
    const { owner, project } = chrootOfTest;
    const request = { owner, project, builds: [1] };
    await bed.removed.write({ name: 'x', request }, { ...request, removed: 1, done: false });
    const left = mode.develMode ? ['0'] : ['0', '2'];
    await engine.update(nothing);
    await engine.updateDevel(nothing);
    expect([await builds(), await builds(devel())]).toEqual([left, ['0', '2']]);
    await engine.update({ add: [paths[1] ?? ''], remove: [] });
    await engine.updateDevel({ add: [paths[1] ?? ''], remove: [] });
    expect([await builds(), await builds(devel())]).toEqual([left, ['0', '2']]);
    await engine.update({ ...nothing, regenerate: 'all' });
    expect(await builds()).toEqual(['0', '2']);
    await writeFile(join(devel(), 'repodata', 'repomd.xml'), '');
    await engine.updateDevel(nothing);
    expect(await builds(devel())).toEqual(['0', '2']);
  });
});

describe('groups of packages', () => {
  const comps = (name: string): string => `<?xml version="1.0"?>\n<comps><group><id>${name}</id></group></comps>\n`;

  async function shown(repository = bed.chroot): Promise<string | undefined> {
    const files = (await readGeneration(repository))?.files ?? [];
    const group = files.find(({ type, name }) => type === 'group' && name.endsWith('.xml'));
    return group === undefined ? undefined : readFile(join(repository, 'repodata', group.name), 'utf8');
  }

  it('are in the metadata when they come, change and go', async () => {
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    expect(await shown()).toBeUndefined();
    await writeComps(bed.chroot, comps('a'));
    expect(await engine.update(nothing)).toEqual({ generation: 2, packages: 1 });
    expect(await shown()).toBe(comps('a'));
    expect(await engine.update(nothing)).toEqual({ generation: 2, packages: 1 });
    expect(await engine.update({ add: [await bed.publish(1)], remove: [] })).toEqual({ generation: 3, packages: 2 });
    expect(await shown()).toBe(comps('a'));
    await writeComps(bed.chroot, comps('b'));
    expect(await engine.update(nothing)).toEqual({ generation: 4, packages: 2 });
    expect(await shown()).toBe(comps('b'));
    await writeComps(bed.chroot, undefined);
    expect(await engine.update(nothing)).toEqual({ generation: 5, packages: 2 });
    expect(await shown()).toBeUndefined();
    expect(await builds()).toEqual(['0', '1']);
  });

  it('wait in devel mode for the regeneration, as packages do', async () => {
    await writeComps(bed.chroot, comps('a'));
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    await settings(on);
    await writeComps(bed.chroot, comps('b'));
    await engine.updateDevel(nothing);
    await engine.update({ ...nothing, remove: [] });
    expect([await shown(), await shown(devel())]).toEqual([comps('a'), comps('b')]);
    await engine.update({ add: [], remove: [...((await readGeneration(bed.chroot))?.list.keys() ?? [])] });
    expect(await shown()).toBe(comps('a'));
    await engine.update({ ...nothing, regenerate: 'now' });
    expect(await shown()).toBe(comps('b'));
  });
});
