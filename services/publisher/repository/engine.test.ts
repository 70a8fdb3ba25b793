import { copyFile, mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  buildEnginePackages,
  chrootOfTest,
  EngineBed,
  type EnginePackages,
  nothing,
  sha256,
} from './testing/engine.ts';

let bed: EngineBed;
let packages: EnginePackages;

beforeAll(async () => {
  packages = await buildEnginePackages();
});

afterAll(() => packages.remove());

beforeEach(async () => {
  bed = await EngineBed.create(packages);
});

afterEach(() => bed.remove());

describe('the repository engine', () => {
  it('makes a signed empty repository, and no second one for nothing', async () => {
    const engine = bed.engine();
    expect(await engine.update(nothing)).toEqual({ generation: 1, packages: 0 });
    expect(await engine.update(nothing)).toEqual({ generation: 1, packages: 0 });
    const repomd = await bed.repodata('repomd.xml');
    expect(await bed.repodata('repomd.xml.asc')).toBe(`signature of ${sha256(repomd)}`);
    expect(await bed.repodata('repomd.xml.key')).toBe('certificate');
  });

  it('adds and removes packages, and does nothing for what is done already', async () => {
    const engine = bed.engine();
    const add = [await bed.publish(0), await bed.publish(1)];
    expect(await engine.update({ add, remove: [] })).toMatchObject({ generation: 1, packages: 2 });
    const third = await bed.publish(2);
    expect(await engine.update({ add: [third], remove: [] })).toMatchObject({ generation: 2, packages: 3 });
    expect(await engine.update({ add: [third], remove: [] })).toMatchObject({ generation: 2, packages: 3 });
    expect(await engine.update({ add: [], remove: [third] })).toMatchObject({ generation: 3, packages: 2 });
  });

  it('keeps metadata that went out of use for an hour, and the last three generations', async () => {
    const engine = bed.engine();
    await engine.update(nothing);
    const first = (await bed.metadataFiles()).map((file) => file.name);
    bed.wall += 1_000_000;
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    bed.wall += 3_500_000;
    await engine.update({ add: [await bed.publish(1)], remove: [] });
    for (const file of first) await stat(join(bed.chroot, 'repodata', file));
    bed.wall += 200_000;
    await engine.update({ add: [await bed.publish(2)], remove: [] });
    for (const file of first)
      await expect(stat(join(bed.chroot, 'repodata', file))).rejects.toMatchObject({ code: 'ENOENT' });
    await engine.update({ add: [await bed.publish(3)], remove: [] });
    const generations = (await readdir(bed.chroot)).filter((each) => each.startsWith('.')).sort();
    expect(generations).toEqual(['.repodata-3', '.repodata-4', '.repodata-5']);
  });

  it('gives each repomd.xml a time of its own, however fast they follow each other', async () => {
    const engine = bed.engine();
    const times: number[] = [];
    for (const n of [0, 1, 2]) {
      await engine.update({ add: [await bed.publish(n)], remove: [] });
      times.push((await stat(join(bed.chroot, 'repodata', 'repomd.xml'))).mtimeMs / 1000);
    }
    expect(times).toEqual([times[0], (times[0] ?? 0) + 1, (times[0] ?? 0) + 2]);
  });

  it('reads a file again that was replaced under its name', async () => {
    const engine = bed.engine();
    const path = await bed.publish(0);
    await engine.update({ add: [path, await bed.publish(1)], remove: [] });
    const before = await bed.primary();
    await copyFile(packages.paths[2] ?? '', join(bed.chroot, path));
    await utimes(join(bed.chroot, path), 1_000_000, 1_000_000);
    expect(await engine.update({ add: [path], remove: [] })).toMatchObject({ generation: 2, packages: 2 });
    const after = await bed.primary();
    expect(after.sha256).not.toBe(before.sha256);
  });

  it('tells files of the same name in two builds apart', async () => {
    const engine = bed.engine();
    const first = await bed.publish(0);
    await engine.update({ add: [first], remove: [] });
    const second = `00000009-hello/${basename(first)}`;
    await mkdir(join(bed.chroot, '00000009-hello'));
    await copyFile(packages.paths[2] ?? '', join(bed.chroot, second));
    await engine.update({ add: [second], remove: [] });
    const { name: primary } = await bed.primary();
    const xml = gunzipSync(await readFile(join(bed.chroot, 'repodata', primary))).toString();
    const sums = await Promise.all([first, second].map(async (path) => sha256(await readFile(join(bed.chroot, path)))));
    expect(sums.filter((sum) => xml.includes(`pkgid="YES">${sum}<`))).toHaveLength(2);
  });

  it('refuses a chroot that has no directory, and a package that has no file', async () => {
    const engine = bed.engine();
    await expect(engine.update(nothing, { ...chrootOfTest, project: 'gone' })).rejects.toMatchObject({ status: 410 });
    await expect(engine.update({ add: ['00000009-x/x.rpm'], remove: [] })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
