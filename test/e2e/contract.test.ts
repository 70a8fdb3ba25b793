import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installFrom } from '../../demo/client.ts';
import { ROOT } from '../../deploy/run.ts';
import { cluster, getBuild, kubectl, pathOf, projectObject, results, succeeded, waitComplete } from './harness.ts';

/** The manifests of the demo are the contract: they are applied as they stand. */
const MANIFESTS = join(ROOT, 'demo', 'manifests', 'demo.yaml');
const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'];

async function getProject() {
  return projectObject.parse(JSON.parse(await kubectl('-n', 'demo', 'get', 'project', 'hello', '-o', 'json')));
}

describe('the manifests of the contract', () => {
  beforeAll(async () => {
    // What an earlier run or demo has left would pass without a build.
    await kubectl('delete', 'namespace', 'demo', '--ignore-not-found', '--wait', '--timeout=180s');
    await (await cluster()).kubectl(['apply', '-f', '-'], await readFile(MANIFESTS, 'utf8'));
    await waitComplete('demo', 'hello-1', 600);
    await waitComplete('demo', 'greet-1', 600);
  }, 1_300_000);

  it('build a linked source package in both chroots', async () => {
    const build = await getBuild('demo', 'hello-1');
    expect(succeeded(build)).toMatchObject({ status: 'True', reason: 'Published' });
    expect(build.status).toMatchObject({
      state: 'succeeded',
      package: 'hello',
      version: '2.12-1',
      chrootSummary: '2/2',
    });
    expect(build.status.id).toBeGreaterThan(0);
    expect(build.status.chroots?.map(({ name, state }) => [name, state])).toEqual(
      CHROOTS.map((name) => [name, 'succeeded']),
    );
  });

  it('build a package from Git that needs the first one', async () => {
    const build = await getBuild('demo', 'greet-1');
    expect(succeeded(build)).toMatchObject({ status: 'True' });
    expect(build.status).toMatchObject({ package: 'greet', chrootSummary: '2/2' });
  });

  it('give numbers that are never the same', async () => {
    const [first, second] = await Promise.all([getBuild('demo', 'hello-1'), getBuild('demo', 'greet-1')]);
    expect(first.status.id).not.toBe(second.status.id);
  });

  it('are shown by kubectl with state, package and version, chroots, reason and age', async () => {
    const table = await kubectl('-n', 'demo', 'get', 'builds');
    expect(table).toMatch(/NAME +STATE +PACKAGE +CHROOTS +REASON +AGE/);
    expect(table).toMatch(/hello-1 +succeeded +hello-2\.12-1 +2\/2 +Published +\d/);
  });

  it('leave a Project that names its repositories and its key', async () => {
    const { status } = await getProject();
    expect(status.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
    expect(status.chroots.map(({ name }) => name).sort()).toEqual([...CHROOTS].sort());
    for (const { repoURL, packages } of status.chroots) {
      expect(packages).toBeGreaterThan(0);
      expect(await results(`${pathOf(repoURL)}repodata/repomd.xml`)).toContain('<repomd');
      expect(await results(`${pathOf(repoURL)}repodata/repomd.xml.asc`)).toContain('BEGIN PGP SIGNATURE');
    }
    expect(await results(pathOf(status.publicKeyURL))).toContain('BEGIN PGP PUBLIC KEY BLOCK');
  });

  it("leave Copr's results tree with logs", async () => {
    const { status } = await getBuild('demo', 'hello-1');
    for (const chroot of status.chroots ?? []) {
      const directory = pathOf(chroot.resultsURL ?? '');
      expect(directory).toMatch(new RegExp(`^results/demo/hello/${chroot.name}/\\d{8}-hello/$`));
      const listing = await results(directory);
      for (const file of ['success', 'results.json', 'builder-live.log.gz', 'hello.spec'])
        expect(listing).toContain(file);
      expect(await results(`${directory}success`)).toContain('done');
    }
  });

  it.each([
    { chroot: 'pebble-13-x86_64', image: 'localhost/pebble:13-x86_64' },
    { chroot: 'pebble-12-i386', image: 'localhost/pebble:12-i386' },
  ])('let a $chroot machine install and run the packages with gpgcheck=1', async ({ chroot, image }) => {
    const { status } = await getProject();
    const output = await installFrom(await cluster(), {
      namespace: 'demo',
      project: 'hello',
      chroot,
      image,
      packages: ['hello', 'greet'],
      run: ['sh', '-c', 'hello && greet kopr'],
    });
    expect(output.toLowerCase()).toContain(`key id ${status.publicKeyFingerprint.slice(-16).toLowerCase()}`);
    expect(output).toMatch(/hello/i);
    expect(output).toContain('kopr');
  });
});
