import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { readGeneration } from '../repository/generation.ts';
import { Bed, CHROOT, type Pause, PROJECT } from '../testing/bed.ts';

const gone = { status: 410, code: 'ProjectDeleted' };

let packages: string[];
let built: string;
let bed: Bed;

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'kopr-deletion-'));
  packages = await buildPackages(built, { name: 'hello', arch: 'x86_64' });
});

afterAll(() => rm(built, { recursive: true, force: true }));

beforeEach(async () => {
  bed = await Bed.create();
  await bed.setUp();
});

afterEach(() => bed.remove());

/** Everything below the project, generations of metadata by number only; undefined when the project is not there. */
async function tree(): Promise<string[] | undefined> {
  const names = await readdir(bed.paths.project(PROJECT), { recursive: true }).catch(() => undefined);
  return names?.filter((name) => !/repodata.*\//.test(name)).sort();
}

async function listed(): Promise<string[]> {
  return [...((await readGeneration(bed.paths.chroot({ ...PROJECT, chroot: CHROOT })))?.list.keys() ?? [])].sort();
}

const pauses: Pause[] = ['signing packages', 'certificate', 'createrepo_c', 'signing metadata'];

describe('a project that is deleted while a build is published', () => {
  it.each(pauses)('stays away when the publication was at: %s', async (pause) => {
    const admitted = await bed.admit('00000001-hello');
    await bed.uploadPackages(admitted, packages);
    const stop = await bed.hold(pause);
    const publication = bed.publish(admitted);
    publication.catch(() => undefined);
    await stop.reached;
    await bed.projects.delete(PROJECT);
    expect(await tree()).toBeUndefined();
    stop.go();
    await expect(publication).rejects.toMatchObject(gone);
    expect(await tree()).toBeUndefined();
    expect(await readdir(bed.paths.staging)).toEqual([]);
    await expect(bed.publish(admitted)).rejects.toMatchObject({ status: 410 });
  });

  it.each(pauses)(
    'has nothing of the old build when it is made again and the publication was at: %s',
    async (pause) => {
      const admitted = await bed.admit('00000001-hello');
      await bed.uploadPackages(admitted, packages);
      const stop = await bed.hold(pause);
      const publication = bed.publish(admitted);
      publication.catch(() => undefined);
      await stop.reached;
      await bed.projects.delete(PROJECT);
      const again = bed.setUp();
      if (pause !== 'createrepo_c') await again;
      stop.go();
      await again;
      await expect(publication).rejects.toMatchObject(gone);
      const fresh = ['.repodata-1', 'repodata'].map((name) => `${CHROOT}/${name}`);
      const rest = ['pubkey.gpg', 'repo', 'repo/pebble-13', 'repo/pebble-13/demo-hello-pebble-13.repo'];
      expect(await tree()).toEqual([CHROOT, ...fresh, ...rest].sort());

      const next = await bed.admit('00000002-hello');
      await bed.uploadPackages(next, packages);
      expect(await bed.publish(next)).toMatchObject({ state: 'done', generation: 2 });
      expect(await listed()).toEqual(packages.map((path) => path.replace(built, '00000002-hello')).sort());
    },
  );

  it('stays away when the packages are being refused', async () => {
    await bed.remove();
    bed = await Bed.create(1);
    await bed.setUp();
    const [first, bad] = [await bed.admit('00000001-hello'), await bed.admit('00000002-hello')];
    await bed.uploadPackages(first, packages);
    await bed.upload(bad, [{ name: 'hello-1-1.x86_64.rpm', content: Buffer.from('not a package') }]);
    const stop = await bed.hold('signing packages');
    const publications = Promise.allSettled([bed.publish(first), bed.publish(bad)]);
    await stop.reached;
    await bed.projects.delete(PROJECT);
    stop.go();
    const refused = { status: 'rejected', reason: expect.objectContaining(gone) };
    expect(await publications).toMatchObject([refused, refused]);
    expect(await tree()).toBeUndefined();
  });
});

describe('a project that is deleted while a pod is sending', () => {
  it('does not get the piece of a log that was on its way', async () => {
    const admitted = await bed.admit('00000001-hello');
    await bed.projects.delete(PROJECT);
    const piece = (): Promise<number> => bed.logs.append(admitted, 'builder-live.log', 0, Buffer.from('x'));
    await expect(piece()).rejects.toMatchObject(gone);
    await bed.setUp();
    await expect(piece()).rejects.toMatchObject(gone);
    expect((await tree())?.some((name) => name.includes('00000001'))).toBe(false);
  });

  it('refuses its old tasks for good, each attempt of them, and knows the new ones', async () => {
    const [first, second] = ['11111111-0000-4000-8000-000000000000.1', '11111111-0000-4000-8000-000000000000.2'];
    for (const task of [first, second]) await bed.admit('00000001-hello', task);
    const published = await bed.admit('00000002-hello');
    await bed.uploadPackages(published, packages);
    const answer = await bed.publish(published);
    await bed.projects.delete(PROJECT);
    await bed.setUp();
    for (const task of [first, second, published.task]) {
      await expect(bed.admit('00000001-hello', task)).rejects.toMatchObject({ status: 410, code: 'TaskSuperseded' });
    }
    // What was published before the deletion was, and the answer stays the same.
    expect(await bed.publish(published)).toEqual(answer);
    expect((await bed.admit('00000001-hello')).task).toMatch(/\.1$/);
  });
});

describe('a deletion that died on its way', () => {
  it('is finished before the project is made again', async () => {
    const admitted = await bed.admit('00000001-hello');
    await bed.uploadPackages(admitted, packages);
    await bed.publish(admitted);
    await bed.projects.delete({ ...PROJECT, project: 'other' });
    await writeFile(bed.paths.tombstone(PROJECT), '');
    await bed.setUp();
    expect((await tree())?.some((name) => name.includes('00000001'))).toBe(false);
    expect(await listed()).toEqual([]);
    await expect(stat(bed.paths.tombstone(PROJECT))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is finished by its repetition, and nothing is published in between', async () => {
    const admitted = await bed.admit('00000001-hello');
    await bed.uploadPackages(admitted, packages);
    await bed.projects.delete({ ...PROJECT, project: 'other' });
    await writeFile(bed.paths.tombstone(PROJECT), '');
    const before = await tree();
    await expect(bed.publish(admitted)).rejects.toMatchObject(gone);
    expect(await tree()).toEqual(before);
    await bed.projects.delete(PROJECT);
    expect(await tree()).toBeUndefined();
    expect(await readFile(bed.paths.tombstone(PROJECT), 'utf8')).toMatch(/^deleted 20/);
  });
});
