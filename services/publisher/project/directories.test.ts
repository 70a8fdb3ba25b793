import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { readGeneration } from '../repository/generation.ts';
import { Bed, CHROOT, PROJECT } from '../testing/bed.ts';

const gone = { status: 410, code: 'ProjectDeleted' };
const CUSTOM = 'hello:custom:x';
const PULL = 'hello:pr:1';

let packages: string[];
let built: string;
let bed: Bed;

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'kopr-directories-'));
  packages = await buildPackages(built, { name: 'hello', arch: 'x86_64' });
});

afterAll(() => rm(built, { recursive: true, force: true }));

beforeEach(async () => {
  bed = await Bed.create();
  await bed.setUp();
});

afterEach(() => bed.remove());

function projects(): Promise<string[]> {
  return readdir(join(bed.paths.results, 'demo')).catch(() => []);
}

async function builds(project: string): Promise<string[]> {
  const list = (await readGeneration(bed.paths.chroot({ ...PROJECT, project, chroot: CHROOT })))?.list;
  return [...new Set([...(list?.keys() ?? [])].map((path) => path.slice(0, 8)))].sort();
}

async function publish(project: string, number: number) {
  const admitted = await bed.admit(`${String(number).padStart(8, '0')}-hello`, undefined, project);
  await bed.uploadPackages(admitted, packages);
  await bed.publish(admitted);
  return admitted;
}

describe('a directory of a project', () => {
  it('has a tree, repositories and .repo files of its own, and the key of the project', async () => {
    const answer = await bed.setUp(CUSTOM);
    await publish('hello', 1);
    await publish(CUSTOM, 2);
    expect([await builds('hello'), await builds(CUSTOM)]).toEqual([['00000001'], ['00000002']]);
    const repo = await readFile(
      join(bed.paths.project({ ...PROJECT, project: CUSTOM }), 'repo', CHROOT, 'dnf.repo'),
      'utf8',
    );
    expect(repo).toContain('[copr:127.0.0.1:demo:hello:custom:x]\n');
    expect(repo).toContain('baseurl=http://127.0.0.1/results/demo/hello:custom:x/pebble-13-$basearch/\n');
    expect(repo).toContain('gpgkey=http://127.0.0.1/results/demo/hello:custom:x/pubkey.gpg\n');
    expect(answer).toMatchObject({
      publicKeyURL: 'http://127.0.0.1/results/demo/hello:custom:x/pubkey.gpg',
      chroots: [{ repoURL: `http://127.0.0.1/results/demo/hello:custom:x/${CHROOT}/` }],
    });
  });

  it('is deleted alone when it is named', async () => {
    for (const project of [CUSTOM, PULL]) await bed.setUp(project);
    const admitted = await publish(CUSTOM, 1);
    await publish('hello', 2);
    await bed.projects.delete({ ...PROJECT, project: CUSTOM });
    expect(await projects()).toEqual(['hello', PULL]);
    await expect(bed.logs.append(admitted, 'builder-live.log', 0, Buffer.from('x'))).rejects.toMatchObject(gone);
    await publish('hello', 3);
    await bed.setUp(CUSTOM);
    expect(await builds(CUSTOM)).toEqual([]);
  });

  it('goes with its project and its running tasks, and a new project has none of it', async () => {
    await bed.setUp(PULL);
    const done = await publish(PULL, 1);
    const running = await bed.admit('00000002-hello', undefined, PULL);
    await bed.uploadPackages(running, packages);
    const stop = await bed.hold('signing packages');
    const publication = bed.publish(running);
    publication.catch(() => undefined);
    await stop.reached;
    // Another project whose name begins the same.
    await bed.setUp('hello-too');
    await bed.setUp('hello-too:pr:1');
    await bed.projects.delete(PROJECT);
    expect(await projects()).toEqual(['hello-too', 'hello-too:pr:1']);
    stop.go();
    await expect(publication).rejects.toMatchObject(gone);
    await expect(bed.admit('00000003-hello', undefined, PULL)).rejects.toMatchObject(gone);
    await expect(bed.setUp(PULL)).rejects.toMatchObject(gone);
    expect(await projects()).toEqual(['hello-too', 'hello-too:pr:1']);
    expect(await readdir(bed.paths.staging)).toEqual([]);

    await bed.setUp();
    expect(await projects()).toEqual(['hello', 'hello-too', 'hello-too:pr:1']);
    for (const { task } of [running]) {
      await expect(bed.admit('00000002-hello', task, PULL)).rejects.toMatchObject({ code: 'TaskSuperseded' });
    }
    await expect(bed.logs.append(done, 'builder-live.log', 0, Buffer.from('x'))).rejects.toMatchObject(gone);
    await bed.setUp(PULL);
    expect(await builds(PULL)).toEqual([]);
    await publish(PULL, 4);
    expect(await builds(PULL)).toEqual(['00000004']);
  });

  it('stays away when its set-up was waiting for the key while the project was deleted and made again', async () => {
    const stop = await bed.hold('key of the project');
    const setUp = bed.setUp(PULL);
    setUp.catch(() => undefined);
    await stop.reached;
    await bed.projects.delete(PROJECT);
    await bed.setUp();
    stop.go();
    await expect(setUp).rejects.toMatchObject(gone);
    expect(await projects()).toEqual(['hello']);
  });

  it('of a project whose deletion died on its way is gone before the project is made again', async () => {
    await bed.setUp(PULL);
    await publish(PULL, 1);
    await bed.projects.delete({ ...PROJECT, project: 'other' });
    await writeFile(bed.paths.tombstone(PROJECT), '');
    await bed.setUp();
    expect(await projects()).toEqual(['hello']);
    await expect(stat(bed.paths.tombstone(PROJECT))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
