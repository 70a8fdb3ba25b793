import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import type { BuildOptions, EngineBuild } from '../testing/engine-build.ts';
import type { Workshop } from '../testing/workshop.ts';
import { expectSuccess, openWorkshop, packages } from '../testing/workshop.ts';
import { withZypper } from '../testing/zypper.ts';

/** Chroots that name no repositories: their images are configured with some. */

const NOWHERE = 'http://127.0.0.1:9/';
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
}, 900_000);
afterAll(() => workshop?.close());
afterEach(() => workshop?.sweep());

const repoFile = (id: string, baseurl: string, gpgcheck = 'gpgcheck=0'): string =>
  `[${id}]\nname=${id} of the image\nbaseurl=${baseurl}\nenabled=1\n${gpgcheck}\n`;
const own = (): TaskRepo => ({
  id: 'copr_base',
  name: 'own',
  baseurl: `${workshop.project.url}/none`,
  gpgcheck: false,
  skipIfUnavailable: true,
});

const inImage = (repos: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(repos).map(([name, text]) => [`/etc/yum.repos.d/${name}.repo`, text]));
const pebble = (): Record<string, string> => inImage({ pebble: repoFile('pebble', workshop.chroot.repoURL) });

function build(name: string, options: BuildOptions, imageRepos = true): Promise<EngineBuild> {
  const repos = options.binary?.repos ?? [own()];
  return workshop.build(name, { ...options, binary: { ...options.binary, imageRepos, repos } });
}

describe('dnf', { timeout: 180_000 }, () => {
  it('takes packages from the repositories of the image and of the project', async () => {
    const hello = await build('hello', { files: pebble() });
    expectSuccess(hello);
    expect(hello.text('builder-live.log')).toContain('kopr: files with repositories of the image: 1\n');
    const project = await workshop.publish(hello);
    // Another repository under the name of the project's, which does not even answer.
    const files = { ...pebble(), ...inImage({ double: repoFile('copr_base', NOWHERE) }) };
    const greet = await build('greet', { files, binary: { repos: [project] } });
    expectSuccess(greet);
    expect(packages(greet)).toContain('greet-1.0-1.pb13.x86_64.rpm');
    expect(greet.text('installed_pkgs.log')).toMatch(/^hello-devel-/m);
  });

  it('reads none of them when the chroot names its own', async () => {
    const built = await build('hello', { files: pebble() }, false);
    expect(built.verdict).toMatchObject({ outcome: 'failed', reason: 'MissingBuildRequires' });
    expect(built.text('root.log')).not.toContain('pebble of the image');
  });

  it('does not follow repositories that a BuildRequires brings along', async () => {
    const planted = await build('words', {
      files: pebble(),
      spec: (text) =>
        text
          .replace('Name:           words', 'Name: planted')
          .replace('%{_datadir}/words/words.txt', '/etc/yum.repos.d/planted.repo')
          .replace('%files\n%{_datadir}/words', '%files\n/etc/yum.repos.d/planted.repo'),
      prepare: (pod) => writeFile(join(pod.work, 'sources', 'words.txt'), repoFile('planted', NOWHERE)),
    });
    expectSuccess(planted);
    const built = await build('words', {
      files: pebble(),
      binary: { repos: [await workshop.publish(planted)] },
      spec: (text) =>
        text
          .replace('BuildArch', 'BuildRequires: planted\nBuildArch')
          .replace('%install', '%generate_buildrequires\necho m4\n%install\ntest -e /etc/yum.repos.d/planted.repo'),
    });
    expectSuccess(built);
    expect(built.text('installed_pkgs.log')).toMatch(/^m4-/m);
  });

  it('checks signatures unless the image says otherwise', async () => {
    const unsaid = repoFile('pebble', workshop.chroot.repoURL, '');
    const built = await build('hello', { files: inImage({ pebble: unsaid }) });
    expect(built.verdict).toMatchObject({
      reason: 'BuildrootFailed',
      message: expect.stringMatching(/^the packages of the repository 'pebble' are to be checked .* no key/),
    });
  });

  it('does not blame a repository that may be missing', async () => {
    const unsigned = repoFile('pebble', workshop.chroot.repoURL, `gpgcheck=1\ngpgkey=${NOWHERE}key.asc`);
    const built = await build('hello', { files: inImage({ pebble: unsigned }) });
    expect(built.text('root.log')).toContain("Failed to download metadata for repo 'copr_base'");
    expect(built.verdict).toMatchObject({
      reason: 'BuildrootFailed',
      message: expect.stringMatching(/not signed|GPG/),
    });
  });

  it('tells which repository of the image does not answer', async () => {
    const built = await build('hello', { files: inImage({ gone: repoFile('gone', NOWHERE) }) });
    expect(built.verdict).toMatchObject({
      reason: 'RepositoryUnavailable',
      message: expect.stringContaining("'gone'"),
    });
  });

  it('is said to have none when the image has none', async () => {
    const built = await build('words', {});
    expectSuccess(built);
    expect(built.text('builder-live.log')).toContain(
      'kopr: warning: the Chroot has no "repos", so those of its image are used, but its image has none in /etc/yum.repos.d\n',
    );
  });
});

describe('zypper', { timeout: 180_000 }, () => {
  const zypp = (id: string, baseurl: string): Record<string, string> => ({
    ...withZypper.files,
    [`/etc/zypp/repos.d/${id}.repo`]: `${repoFile(id, baseurl)}autorefresh=1\ntype=rpm-md\n`,
  });
  /** As the images of openSUSE have it: a service, from whose index zypper makes the repositories. */
  const service = (): Record<string, string> => ({
    ...withZypper.files,
    '/etc/zypp/services.d/pebble.service':
      '[pebble]\nname=pebble\nenabled=1\nautorefresh=1\nurl=file:///usr/share/pebble\ntype=ris\n',
    '/usr/share/pebble/repo/repoindex.xml': `<?xml version="1.0"?>\n<repoindex><repo alias="oss" url="${workshop.chroot.repoURL}" enabled="true" autorefresh="true"/></repoindex>\n`,
    '/etc/zypp/zypp.conf': '[main]\ngpgcheck = no\n',
  });

  it('takes packages from the repositories of the image and of the project', async () => {
    const first = await build('hello', { files: pebble() });
    expectSuccess(first);
    const project = await workshop.publish(first);
    const files = zypp('pebble', workshop.chroot.repoURL);
    const greet = await build('greet', { ...withZypper, files, binary: { repos: [project] } });
    expectSuccess(greet);
    expect(greet.text('root.log')).toContain('Reading installed packages...');
    expect(greet.text('builder-live.log')).toContain('kopr: files with repositories of the image: 1\n');
    expect(greet.text('installed_pkgs.log')).toMatch(/^hello-devel-/m);
  });

  it.each([
    ['takes them from a service of the image too', true],
    ['takes none from a service when the chroot names its own', false],
  ])('%s', async (_what, wanted) => {
    const words = await build('words', { files: pebble() });
    const repos = [await workshop.publish(words)];
    const built = await build('hello', { ...withZypper, files: service(), binary: { repos } }, wanted);
    if (wanted) return expectSuccess(built);
    expect(built.verdict).toMatchObject({ outcome: 'failed', reason: 'MissingBuildRequires' });
  });

  it('ends with success although a scriptlet has failed; that is mentioned', async () => {
    const grumpy = await build('words', {
      files: pebble(),
      spec: (text) =>
        text.replace('Name:           words', 'Name: grumpy').replace('%files', '%post\nexit 1\n\n%files'),
    });
    expectSuccess(grumpy);
    const built = await build('words', {
      ...withZypper,
      files: zypp('pebble', workshop.chroot.repoURL),
      binary: { repos: [await workshop.publish(grumpy)], buildrootPackages: ['grumpy'] },
    });
    expectSuccess(built);
    expect(built.text('builder-live.log')).toMatch(/^kopr: warning: .*%post\(grumpy-.*\) scriptlet failed/m);
  });

  it('tells which repository does not answer, and blames no BuildRequires', async () => {
    const repos = [{ ...own(), baseurl: workshop.chroot.repoURL }];
    const built = await build('hello', { ...withZypper, files: zypp('gone', NOWHERE), binary: { repos } });
    expect(built.verdict).toMatchObject({
      reason: 'RepositoryUnavailable',
      message: expect.stringContaining("Skipping repository 'gone of the image'"),
    });
  });
});
