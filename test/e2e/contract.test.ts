import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installFrom } from '../../demo/client.ts';
import { ROOT } from '../../deploy/run.ts';
import { fileNameOf, type Nevra } from '../../lib/rpm/nevra.ts';
import { cluster, getBuild, kubectl, pathOf, projectObject, results, succeeded, waitComplete } from './harness.ts';

/** The manifests of the demo are the contract: they are applied as they stand. */
const MANIFESTS = join(ROOT, 'demo', 'manifests', 'demo.yaml');
const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'];

/** What hello-1 builds. */
const PACKAGES: Record<string, Nevra[]> = {
  'pebble-13-x86_64': packagesFor('1.pb13', 'x86_64'),
  'pebble-12-i386': packagesFor('1.pb12', 'i386'),
};
/** In the directory of a build in a chroot; each is to be had without `.gz`, too. */
const LOGS = ['build.log.gz', 'builder-live.log.gz', 'hw_info.log.gz', 'installed_pkgs.log.gz', 'root.log.gz'];
/** In the directory of every build. */
const REPORTS = ['build.info', 'results.json'];

function packagesFor(release: string, machine: string): Nevra[] {
  const rest = { epoch: 0, version: '2.12', release };
  const binaries = ['hello', 'hello-debuginfo', 'hello-devel', 'hello-libs'].map((name) => ({
    name,
    ...rest,
    arch: machine,
  }));
  return [{ name: 'hello', ...rest, arch: 'src' }, ...binaries];
}

/** All names in a directory of the results tree, sorted. What a lost attempt has left is put aside, and is not part of it. */
async function namesIn(directory: string): Promise<string[]> {
  const links = [...(await results(directory)).matchAll(/<a href="([^"]+)"/g)].map(([, name = '']) => name);
  return links
    .map((name) => decodeURIComponent(name))
    .filter((name) => !['../', 'prev_build_backup/'].includes(name))
    .sort();
}

async function expectReports(directory: string, id: number): Promise<void> {
  expect((await results(`${directory}build.info`)).trim()).toBe(`build_id=${id}`);
  expect((await results(`${directory}success`)).trim()).toBe('done');
  expect(await results(`${directory}hello.spec`)).toMatch(/^Name: +hello$/m);
}

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
    const number = String(status.id).padStart(8, '0');
    expect(status.chroots).toHaveLength(CHROOTS.length);
    for (const chroot of status.chroots ?? []) {
      const directory = pathOf(chroot.resultsURL ?? '');
      expect(directory).toBe(`results/demo/hello/${chroot.name}/${number}-hello/`);
      const packages = PACKAGES[chroot.name] ?? [];
      expect(await namesIn(directory)).toEqual(
        [...packages.map(fileNameOf), ...LOGS, ...REPORTS, 'hello.spec', 'success'].sort(),
      );
      await expectReports(directory, status.id);
      const report = JSON.parse(await results(`${directory}results.json`)) as { packages: Nevra[] };
      expect(Object.keys(report)).toEqual(['packages']);
      expect(report.packages).toHaveLength(packages.length);
      expect(report.packages).toEqual(expect.arrayContaining(packages));
      for (const log of LOGS) expect(await results(`${directory}${log.replace(/\.gz$/, '')}`)).not.toBe('');
    }
  }, 120_000);

  it("leave the source build's part of the tree", async () => {
    const { status } = await getBuild('demo', 'hello-1');
    const directory = `${pathOf(status.source?.resultsURL ?? '').replace(/\/$/, '')}/`;
    expect(directory).toBe(`results/demo/hello/srpm-builds/${String(status.id).padStart(8, '0')}/`);
    expect(await namesIn(directory)).toEqual(
      [...REPORTS, 'builder-live.log.gz', 'hello-2.12-1.src.rpm', 'hello.spec', 'success'].sort(),
    );
    await expectReports(directory, status.id);
    expect(JSON.parse(await results(`${directory}results.json`))).toEqual({
      name: 'hello',
      epoch: 0,
      version: '2.12',
      release: '1',
      architecture_specific_tags: { 'pebble-12': {}, 'pebble-13': {} },
    });
    expect(await results(`${directory}builder-live.log`)).not.toBe('');
  });

  it('leave a key and .repo files that lead to it and to the repositories', async () => {
    const { status } = await getProject();
    expect(pathOf(status.publicKeyURL)).toBe('results/demo/hello/pubkey.gpg');
    for (const { name, repoURL, repoFileURL } of status.chroots) {
      const release = name.slice(0, name.lastIndexOf('-'));
      expect(pathOf(repoURL)).toBe(`results/demo/hello/${name}/`);
      expect(pathOf(repoFileURL)).toBe(`coprs/demo/hello/repo/${release}/demo-hello-${release}.repo`);
      const text = (await results(pathOf(repoFileURL))).trim();
      expect(text.split('\n')).toEqual([
        `[copr:${new URL(repoFileURL).hostname}:demo:hello]`,
        'name=Copr repo for hello owned by demo',
        `baseurl=${new URL(repoURL).origin}/results/demo/hello/${release}-$basearch/`,
        'type=rpm-md',
        'skip_if_unavailable=True',
        'gpgcheck=1',
        `gpgkey=${status.publicKeyURL}`,
        'repo_gpgcheck=0',
        'enabled=1',
        'enabled_metadata=1',
      ]);
      expect((await results(`coprs/demo/hello/repo/${name}/dnf.repo`)).trim()).toBe(text);
    }
  });

  it.each(CHROOTS)('let a %s machine install and run the packages with gpgcheck=1', async (chroot) => {
    const { status } = await getProject();
    const output = await installFrom(await cluster(), {
      namespace: 'demo',
      project: 'hello',
      chroot,
      packages: ['hello', 'greet'],
      run: ['sh', '-c', 'hello && greet kopr'],
    });
    expect(output.toLowerCase()).toContain(`key id ${status.publicKeyFingerprint.slice(-16).toLowerCase()}`);
    expect(output).toMatch(/hello/i);
    expect(output).toContain('kopr');
  });
});
