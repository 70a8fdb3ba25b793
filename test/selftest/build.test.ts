import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Selftest } from './selftest.ts';
import { selftest } from './selftest.ts';
import { FakeCluster, INSIDE } from './testing/fake-cluster.ts';

const LINK = 'http://files.example/words-3.1-1.src.rpm';
const REPOSITORY = `${INSIDE}/kopr-system/kopr-selftest/new-2-x86_64`;
const PRIMARY = `${REPOSITORY}/repodata/0a1b-primary.xml.gz`;
const RPM = `${REPOSITORY}/00000007-words/words-3.1-1.noarch.rpm`;

function ended(state: string, succeeded: 'True' | 'False', message: string, chroot?: string): object {
  return {
    state,
    package: 'words',
    conditions: [
      { type: 'Complete', status: 'True', message: '' },
      { type: 'Succeeded', status: succeeded, message },
    ],
    chroots: [{ name: 'new-2-x86_64', ...(chroot === undefined ? {} : { message: chroot }) }],
  };
}

function packageOf(source: string, file: string): string {
  return `<package type="rpm">
  <name>any</name>
  <location href="${file}"/>
  <format>
    <rpm:sourcerpm>${source}-3.1-1.src.rpm</rpm:sourcerpm>
  </format>
</package>`;
}

describe('selftest with a package to build', () => {
  let cluster: FakeCluster;
  let said: string[] = [];
  let test: Selftest;

  beforeEach(() => {
    cluster = new FakeCluster();
    cluster.build = [
      {},
      { state: 'waiting', queue: { message: 'for a builder.' }, conditions: [] },
      { state: 'running', conditions: [{ type: 'Complete', status: 'False', message: '' }] },
      ended('succeeded', 'True', 'all chroots succeeded.'),
    ];
    cluster.files.set(`${REPOSITORY}/repodata/repomd.xml`, '<repomd><location href="repodata/0a1b-primary.xml.gz"/>');
    cluster.files.set(
      PRIMARY,
      gzipSync(
        `<metadata>${packageOf('other', 'other.rpm')}${packageOf('words', '00000007-words/words-3.1-1.noarch.rpm')}`,
      ),
    );
    cluster.files.set(RPM, 'an rpm');
    said = [];
    test = { ...cluster.test(said), order: { link: LINK, chroot: undefined, timeoutMs: 20_000 } };
  });

  it('builds it in the Project, finds it in the repository, and removes everything', async () => {
    await selftest(test);
    expect(cluster.ordered).toEqual([
      { project: 'kopr-selftest', source: { link: { url: LINK } }, chroots: ['new-2-x86_64'] },
    ]);
    expect(said.filter((line) => /[Bb]uild|rpm/.test(line))).toEqual([
      `building ${LINK} in new-2-x86_64`,
      'the Build is waiting, for a builder.',
      'the Build is running',
      `${RPM} is there`,
    ]);
    expect(said.at(-1)).toBe('everything works');
    expect(cluster.project).toBeUndefined();
    expect(cluster.builds).toEqual([]);
  });

  it('builds in the chroot that is asked for', async () => {
    cluster.chroots.unshift({ spec: { name: 'first-1-x86_64', state: 'Active' } });
    await selftest({ ...test, order: { link: LINK, chroot: 'new-2-x86_64', timeoutMs: 20_000 } });
    expect(said).toContain(`building ${LINK} in new-2-x86_64`);
  });

  it.each(['no-1-x86_64', 'old-1-x86_64'])(
    'refuses to build in %s, which is not there or at its end',
    async (chroot) => {
      const order = { link: LINK, chroot, timeoutMs: 20_000 };
      await expect(selftest({ ...test, order })).rejects.toThrow(
        `there is no active Chroot ${chroot}; correct "selftest.build.chroot"`,
      );
    },
  );

  it.each<[string, () => void, string]>([
    [
      'the Build fails',
      () => {
        cluster.build = [ended('failed', 'False', 'new-2-x86_64 failed.', 'rpmbuild ended with 1.')];
      },
      'the Build ended as failed: new-2-x86_64 failed. rpmbuild ended with 1.',
    ],
    [
      'the Build never ends',
      () => {
        cluster.build = [{ state: 'waiting', queue: { message: 'no pool has started a builder.' } }];
      },
      'the Build has not ended after 20 s: waiting, no pool has started a builder.',
    ],
    [
      'nobody looks at the Build',
      () => {
        cluster.build = [{}];
      },
      'the Build has not ended after 20 s: the operator has not looked at it',
    ],
    [
      'the repository lists only other packages',
      () => {
        cluster.files.set(PRIMARY, gzipSync(packageOf('other', 'other.rpm')));
      },
      `the repository ${REPOSITORY} lists no package made from words`,
    ],
    ['the repository has no list', () => cluster.files.delete(PRIMARY), `${PRIMARY} answers 404`],
    [
      'the index names no list',
      () => cluster.files.set(`${REPOSITORY}/repodata/repomd.xml`, '<repomd>'),
      'repodata/repomd.xml names no primary.xml.gz',
    ],
    ['the package is listed but not there', () => cluster.files.delete(RPM), `${RPM} answers 404`],
  ])('fails with a sentence when %s, and removes everything', async (_, spoil, message) => {
    spoil();
    await expect(selftest(test)).rejects.toThrow(message);
    expect(cluster.project).toBeUndefined();
    expect(cluster.now).toBeLessThan(40_000);
  });
});
