import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apply,
  build,
  freshNamespace,
  getBuild,
  kubectl,
  link,
  pathOf,
  project,
  results,
  succeeded,
  until,
  waitComplete,
} from './harness.ts';

const NS = 'e2e-builds';
const ONE = ['pebble-13-x86_64'];

async function runBuild(name: string, spec: object) {
  await apply(build(NS, name, 'p', spec));
  return waitComplete(NS, name);
}

describe('a Build', () => {
  beforeAll(async () => {
    await freshNamespace(NS);
    await apply(project(NS, 'p'));
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'project/p', '--timeout=120s');
  }, 330_000);
  afterAll(() => kubectl('delete', 'namespace', NS, '--wait=false'));

  it.each([
    { name: 'broken', file: 'broken-1.0-1.src.rpm', reason: 'BuildFailed', says: /broken\.c|rpmbuild|error/i },
    {
      name: 'missing-requires',
      file: 'missing-requires-1.0-1.src.rpm',
      reason: 'MissingBuildRequires',
      says: /kopr-no-such-package-devel/,
    },
    { name: 'not-found', file: 'no-such-1.0-1.src.rpm', reason: 'SourceFetchFailed', says: /404/ },
    { name: 'not-an-srpm', file: 'not-an-srpm-1.0-1.src.rpm', reason: /.+/, says: /not-an-srpm|not an|rpm/i },
  ])('of $file ends as failed with a reason and one sentence', async ({ name, file, reason, says }) => {
    const ended = await runBuild(name, { ...link(file), chroots: ONE });
    const verdict = succeeded(ended);
    expect(verdict.status).toBe('False');
    expect(verdict.reason).toMatch(reason);
    expect(verdict.message).toMatch(says);
    expect(ended.status.state).toBe('failed');
  });

  it('of a branch that is not there fails and names it', async () => {
    const ended = await runBuild('no-branch', {
      source: { git: { url: 'http://files.example/git/words.git', committish: 'no-such-branch' } },
      chroots: ONE,
    });
    expect(succeeded(ended)).toMatchObject({ status: 'False' });
    expect(succeeded(ended).message).toContain('no-such-branch');
  });

  it('of a package that tries to reach the network succeeds, since it cannot', async () => {
    expect(succeeded(await runBuild('offline', { ...link('offline-1.0-1.src.rpm'), chroots: ONE })).status).toBe(
      'True',
    );
  });

  it.each(ONE.concat('pebble-12-i386'))('of a package that looks for ways out finds none in %s', async (chroot) => {
    const name = `confined-${chroot.replaceAll('_', '-')}`;
    const ended = await runBuild(name, { ...link('confined-1.0-1.src.rpm'), chroots: [chroot] });
    expect(succeeded(ended)).toMatchObject({ status: 'True' });
  });

  it('of a noarch package is published for every chroot', async () => {
    const ended = await runBuild('words', { source: { git: { url: 'http://files.example/git/words.git' } } });
    expect(ended.status.chroots?.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
    for (const { resultsURL } of ended.status.chroots ?? []) {
      expect(await results(pathOf(resultsURL ?? ''))).toMatch(/words-3\.1-1\.pb1[23]\.noarch\.rpm/);
    }
  });

  it('of a package with ExclusiveArch skips the other chroot', async () => {
    const ended = await runBuild('wide', link('wide-1.0-1.src.rpm'));
    expect(succeeded(ended).status).toBe('True');
    expect(ended.status.chroots?.map(({ name, state }) => [name, state])).toEqual([
      ['pebble-13-x86_64', 'succeeded'],
      ['pebble-12-i386', 'skipped'],
    ]);
  });

  it('of a spec file by its URL fetches the sources that it names', async () => {
    const ended = await runBuild('linked', { ...link('specs/linked.spec'), chroots: ONE });
    expect(succeeded(ended)).toMatchObject({ status: 'True' });
  });

  it('of a spec that finds out its BuildRequires while it is built gets them', async () => {
    const ended = await runBuild('dynamic', { ...link('dynamic-1.0-1.src.rpm'), chroots: ONE });
    expect(succeeded(ended)).toMatchObject({ status: 'True' });
  });

  it('for a chroot that the project does not have fails at once', async () => {
    const ended = await runBuild('foreign', { ...link('words-3.1-1.src.rpm'), chroots: ['fedora-43-x86_64'] });
    expect(succeeded(ended)).toMatchObject({ status: 'False', reason: 'ChrootNotInProject' });
  });

  it('that is cancelled ends as canceled and takes its pods with it', async () => {
    await apply(build(NS, 'cancelled', 'p', { ...link('slow-1.0-1.src.rpm'), chroots: ONE }));
    await until(
      'the build runs',
      () => getBuild(NS, 'cancelled').catch(() => undefined),
      (b) => b?.status.chroots?.[0]?.state === 'running',
      200,
    );
    await kubectl('-n', NS, 'patch', 'build', 'cancelled', '--type=merge', '-p', '{"spec":{"cancelled":true}}');
    const ended = await waitComplete(NS, 'cancelled', 60);
    expect(ended.status.state).toBe('canceled');
    await until(
      'its pods are gone',
      () =>
        kubectl(
          '-n',
          'kopr-builds',
          'get',
          'pods',
          '-o',
          'jsonpath={.items[*].metadata.annotations.kopr\\.dev/chrootbuild}',
        ),
      (names) => !names.includes(`${NS}/cancelled.`),
      90,
    );
  });

  it('by a Package is made when the Package appears and again when its source changes', async () => {
    const pkg = (url: string): object => ({
      apiVersion: 'kopr.dev/v1alpha1',
      kind: 'Package',
      metadata: { name: 'words', namespace: NS },
      spec: { project: 'p', chroots: ONE, source: { link: { url } } },
    });
    const state = () =>
      kubectl(
        '-n',
        NS,
        'get',
        'package',
        'words',
        '-o',
        'jsonpath={.status.state} {.status.version} {.status.lastBuild}',
      );
    await apply(pkg('http://files.example/words-3.1-1.src.rpm'));
    const first = await until('the first build has ended', state, (text) => text.startsWith('succeeded 3.1-1 '), 200);
    await apply(pkg('http://files.example/words-3.1-1.src.rpm?again'));
    const second = await until(
      'a second build exists',
      state,
      (text) => text.split(' ')[2] !== first.split(' ')[2],
      60,
    );
    expect(second.split(' ')[2]).toMatch(/^words-2-/);
  });
});
