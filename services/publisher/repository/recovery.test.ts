import { mkdir, readdir, readFile, readlink, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CreaterepoError } from './createrepo.ts';
import { UnreadablePackagesError } from './engine.ts';
import { buildEnginePackages, EngineBed, type EnginePackages, nothing } from './testing/engine.ts';

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

describe('the repository engine, when something is broken,', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['metadata is missing', async () => unlink(join(bed.chroot, 'repodata', (await bed.primary()).name))],
    ['metadata is cut short', async () => writeFile(join(bed.chroot, 'repodata', (await bed.primary()).name), 'x')],
    ['repomd.xml is empty', () => writeFile(join(bed.chroot, 'repodata', 'repomd.xml'), '')],
    ['the state is unreadable', () => writeFile(join(bed.chroot, 'repodata', '.state.json'), '{')],
    ['the list is missing', () => unlink(join(bed.chroot, 'repodata', '.packages'))],
    ['the list is of another length', () => writeFile(join(bed.chroot, 'repodata', '.packages'), '')],
    ['the link is missing', () => unlink(join(bed.chroot, 'repodata'))],
  ])('starts again from the disk when %s: published builds count, others do not', async (_what, damage) => {
    await bed.engine().update({ add: [await bed.publish(0)], remove: [] });
    const damaged = await bed.publish(1);
    await bed.publish(2, false);
    await damage();
    expect(await bed.engine().update({ add: [damaged], remove: [] })).toMatchObject({ packages: 2 });
    expect(await bed.engine().update(nothing)).toMatchObject({ packages: 2 });
  });

  it('never goes back in its numbers, whatever a dead process has left', async () => {
    const engine = bed.engine();
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    await mkdir(join(bed.chroot, '.repodata-2'));
    await writeFile(join(bed.chroot, '.repodata-2', 'repomd.xml'), 'half');
    await writeFile(join(bed.chroot, '.repodata-link'), 'half');
    expect(await engine.update({ add: [await bed.publish(1)], remove: [] })).toMatchObject({
      generation: 2,
      packages: 2,
    });
    expect(await readlink(join(bed.chroot, 'repodata'))).toBe('.repodata-2');
    await writeFile(join(bed.chroot, 'repodata', 'repomd.xml'), '');
    expect(await engine.update(nothing)).toMatchObject({ generation: 3, packages: 2 });
  });

  it('takes over a directory another program has made', async () => {
    await mkdir(join(bed.chroot, 'repodata'));
    await writeFile(join(bed.chroot, 'repodata', 'repomd.xml'), '<repomd/>');
    await bed.publish(0);
    expect(await bed.engine().update(nothing)).toMatchObject({ generation: 1, packages: 1 });
    expect(await readlink(join(bed.chroot, 'repodata'))).toBe('.repodata-1');
  });

  it('leaves the repository as it was when signing fails, and makes the change at the next request', async () => {
    const engine = bed.engine();
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    const before = await bed.repodata('repomd.xml');
    bed.beforeSigning = () => Promise.reject(new Error('keygen is away'));
    const add = [await bed.publish(1)];
    await expect(engine.update({ add, remove: [] })).rejects.toThrow('keygen is away');
    expect(await bed.repodata('repomd.xml')).toBe(before);
    expect(await readdir(bed.paths.work)).toEqual([]);
    bed.beforeSigning = async () => undefined;
    expect(await engine.update({ add, remove: [] })).toMatchObject({ generation: 2, packages: 2 });
  });

  it('says whose packages cannot be read, and serves everybody else', async () => {
    const engine = bed.engine();
    await engine.update({ add: [await bed.publish(0)], remove: [] });
    const [bad, good, worse] = [await bed.publish(1), await bed.publish(2), await bed.publish(3)];
    await writeFile(join(bed.chroot, bad), 'not a package');
    await unlink(join(bed.chroot, worse));
    await writeFile(join(bed.chroot, worse), '');
    const results = await Promise.allSettled(
      [good, bad, worse].map((path) => engine.update({ add: [path], remove: [] })),
    );
    expect(results).toMatchObject([
      { status: 'fulfilled', value: { packages: 2 } },
      { status: 'rejected', reason: expect.any(UnreadablePackagesError) },
      { status: 'rejected', reason: expect.any(UnreadablePackagesError) },
    ]);
    expect(await engine.update(nothing)).toMatchObject({ packages: 2 });
  });

  it('finds the request whose packages make createrepo_c crash', async () => {
    const program = join(bed.directory, 'createrepo');
    const script = ['#!/bin/sh', 'if grep -q 00000001- "$8"; then kill -SEGV $$; fi', 'exec createrepo_c "$@"', ''];
    await writeFile(program, script.join('\n'), { mode: 0o755 });
    const engine = bed.engine(program);
    const paths = [await bed.publish(0), await bed.publish(1), await bed.publish(2)];
    const results = await Promise.allSettled(paths.map((path) => engine.update({ add: [path], remove: [] })));
    // The first ran before anyone could tell which of the packages on the disk it was: it is to try again, not to be blamed.
    expect(results).toMatchObject([
      { status: 'rejected', reason: expect.any(CreaterepoError) },
      { status: 'rejected', reason: expect.any(UnreadablePackagesError) },
      { status: 'fulfilled', value: { packages: 2 } },
    ]);
    expect(await engine.update({ add: paths.slice(0, 1), remove: [] })).toMatchObject({ packages: 2 });
  });

  it('withdraws no package because it cannot be read for the moment', async () => {
    const engine = bed.engine();
    const first = await bed.publish(0);
    await engine.update({ add: [first], remove: [] });
    const whole = await readFile(join(bed.chroot, first));
    await writeFile(join(bed.chroot, first), 'broken');
    const bad = await bed.publish(1);
    await writeFile(join(bed.chroot, bad), 'not a package');
    await expect(engine.update({ add: [bad], remove: [] })).rejects.toThrow(
      `cannot read ${first}, which is published already`,
    );
    expect(await engine.update(nothing)).toMatchObject({ packages: 1 });
    await writeFile(join(bed.chroot, first), whole);
    await expect(engine.update({ add: [bad], remove: [] })).rejects.toThrow(UnreadablePackagesError);
  });

  it('finds its way back when a listed package has vanished from the disk', async () => {
    const engine = bed.engine();
    const [first, second] = [await bed.publish(0), await bed.publish(1)];
    await engine.update({ add: [first, second], remove: [] });
    await rm(join(bed.chroot, '00000001-hello'), { recursive: true });
    const third = await bed.publish(2);
    // Trusted metadata knows nothing of it; a replaced file makes createrepo_c look.
    await utimes(join(bed.chroot, first), 1_000_000, 1_000_000);
    expect(await engine.update({ add: [first, third], remove: [] })).toMatchObject({ packages: 2 });
  });
});
