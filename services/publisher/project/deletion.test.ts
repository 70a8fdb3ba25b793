import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { readGeneration } from '../repository/generation.ts';
import { Bed, CHROOT, type Pause, PROJECT } from '../testing/bed.ts';
import { manifestOf, sha256Of, succeeded } from '../testing/client.ts';

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

const content = Buffer.from('Name: hello\n');

/** A request of which only the first byte has arrived when `reached` resolves. */
function slowBody(): { body: Readable; reached: Promise<void>; go: () => void } {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  async function* pieces(): AsyncGenerator<Buffer> {
    yield content.subarray(0, 1);
    reached.resolve();
    await go.promise;
    yield content.subarray(1);
  }
  return { body: Readable.from(pieces()), reached: reached.promise, go: go.resolve };
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
      const rest = [
        'pubkey.gpg',
        'repo',
        'repo/pebble-13',
        'repo/pebble-13/dnf.repo',
        `repo/${CHROOT}`,
        `repo/${CHROOT}/dnf.repo`,
      ];
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

describe('a project that is deleted while it is being set up', () => {
  it('stays away when its set-up was waiting for its key', async () => {
    const stop = await bed.hold('key of the project');
    const setUp = bed.setUp();
    setUp.catch(() => undefined);
    await stop.reached;
    await bed.projects.delete(PROJECT);
    stop.go();
    await expect(setUp).rejects.toMatchObject(gone);
    expect(await tree()).toBeUndefined();
    expect(await readFile(bed.paths.tombstone(PROJECT), 'utf8')).toMatch(/^deleted 20/);
  });

  it('is there when it is set up again, and the waiting set-up of before takes nothing from it', async () => {
    const stop = await bed.hold('key of the project');
    const old = bed.setUp();
    old.catch(() => undefined);
    await stop.reached;
    await bed.projects.delete(PROJECT);
    await bed.setUp();
    const fresh = await tree();
    stop.go();
    await expect(old).rejects.toMatchObject(gone);
    expect(await tree()).toEqual(fresh);
  });

  it('is there after two set-ups at once that follow the deletion', async () => {
    await bed.projects.delete(PROJECT);
    const stop = await bed.hold('key of the project');
    const first = bed.setUp();
    await stop.reached;
    const second = await bed.setUp();
    stop.go();
    expect(await first).toEqual(second);
    expect(await listed()).toEqual([]);
  });

  it('gets nothing any more of what began before, also when the deletion failed', async () => {
    const admitted = await bed.admit('00000001-hello');
    // The name of its tombstone is taken by a directory, as a broken volume would refuse it.
    await mkdir(join(bed.paths.tombstone(PROJECT), 'x'), { recursive: true });
    await expect(bed.projects.delete(PROJECT)).rejects.toThrow();
    await rm(bed.paths.tombstone(PROJECT), { recursive: true });
    await expect(bed.logs.append(admitted, 'builder-live.log', 0, Buffer.from('x'))).rejects.toMatchObject(gone);
  });
});

describe('a project that is deleted while a pod is sending', () => {
  it.each([false, true])('does not get the file that was on its way; made again: %s', async (again) => {
    const admitted = await bed.admit('00000001-hello');
    const { body, reached, go } = slowBody();
    const upload = bed.uploads.receive(admitted, 'hello.spec', sha256Of(content), body);
    upload.catch(() => undefined);
    await reached;
    await bed.projects.delete(PROJECT);
    if (again) await bed.setUp();
    go();
    await expect(upload).rejects.toMatchObject(gone);
    expect(await readdir(bed.paths.staging)).toEqual([]);
  });

  it.each([false, true])(
    'gets no file and no manifest of a request that was admitted; made again: %s',
    async (again) => {
      const admitted = await bed.admit('00000001-hello');
      await bed.projects.delete(PROJECT);
      if (again) await bed.setUp();
      const upload = bed.uploads.receive(admitted, 'hello.spec', sha256Of(content), Readable.from([content]));
      await expect(upload).rejects.toMatchObject(gone);
      await expect(bed.tasks.complete(admitted, manifestOf([], succeeded))).rejects.toMatchObject(gone);
      expect(await readdir(bed.paths.staging)).toEqual([]);
    },
  );

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

describe('a task that is given up while its pod is sending', () => {
  it('has nothing more taken in, though its project is there', async () => {
    const superseded = { status: 410, code: 'TaskSuperseded' };
    const admitted = await bed.admit('00000001-hello');
    const { body, reached, go } = slowBody();
    const upload = bed.uploads.receive(admitted, 'hello.spec', sha256Of(content), body);
    upload.catch(() => undefined);
    await reached;
    await bed.tasks.forget(admitted.task);
    go();
    await expect(upload).rejects.toMatchObject(superseded);
    const next = bed.uploads.receive(admitted, 'hello.spec', sha256Of(content), Readable.from([content]));
    await expect(next).rejects.toMatchObject(superseded);
    await expect(bed.tasks.complete(admitted, manifestOf([], succeeded))).rejects.toMatchObject(superseded);
    expect(await readdir(bed.paths.staging)).toEqual([]);
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
