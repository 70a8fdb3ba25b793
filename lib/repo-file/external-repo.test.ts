import { describe, expect, it } from 'vitest';
import type { ExternalRepo, RepoReference } from './external-repo.ts';
import { coprReference, externalRepo, externalRepos } from './external-repo.ts';

const SITE = { resultsURL: 'http://results.example/results/', chroot: 'fedora-43-x86_64' };

describe('externalRepo', () => {
  it.each<{ title: string; repo: RepoReference; is: Partial<ExternalRepo> }>([
    {
      title: 'an address as it is, with what dnf expands itself',
      repo: { baseurl: 'http://mirror.example/$releasever/$basearch/' },
      is: {
        id: 'http_mirror_example_releasever_basearch',
        name: 'Additional repo http_mirror_example_releasever_basearch',
        baseurl: 'http://mirror.example/$releasever/$basearch/',
        gpgcheck: false,
      },
    },
    {
      title: 'the chroot and the distribution in an address',
      repo: { baseurl: 'https://mirror.example/$distname/$chroot/' },
      is: { baseurl: 'https://mirror.example/fedora/fedora-43-x86_64/' },
    },
    {
      title: 'a priority at the end of an address',
      repo: { baseurl: 'http://mirror.example/a/?priority=5' },
      is: { baseurl: 'http://mirror.example/a/', priority: 5 },
    },
    {
      title: 'a priority of its own before that',
      repo: { baseurl: 'http://mirror.example/a/?priority=5', priority: 7 },
      is: { priority: 7 },
    },
    {
      title: 'a priority that dnf does not know, as the last one',
      repo: { baseurl: 'http://mirror.example/a/?priority=1000' },
      is: { priority: 99 },
    },
    {
      title: 'a key',
      repo: { baseurl: 'http://mirror.example/a/', gpgkey: 'http://mirror.example/key' },
      is: { gpgcheck: true, gpgkey: 'http://mirror.example/key' },
    },
    {
      title: 'a project of this kopr, with its key',
      repo: { baseurl: 'copr://demo/Hello_World?priority=3' },
      is: {
        id: 'copr_demo_Hello_World_priority_3',
        baseurl: 'http://results.example/results/demo/Hello_World/fedora-43-x86_64/',
        gpgcheck: true,
        gpgkey: 'http://results.example/results/demo/Hello_World/pubkey.gpg',
        priority: 3,
      },
    },
    {
      title: 'a directory of a project of a group, with the key of the project',
      repo: { baseurl: 'copr://@team/hello:pr:7' },
      is: {
        id: 'copr_team_hello_pr_7',
        baseurl: 'http://results.example/results/@team/hello:pr:7/fedora-43-x86_64/',
        gpgkey: 'http://results.example/results/@team/hello/pubkey.gpg',
      },
    },
  ])('takes $title', ({ repo, is }) => {
    expect(externalRepo(repo, SITE)).toMatchObject(is);
  });

  it('has an id that is not too long, and another one for every address', () => {
    const [one, two] = ['1', '2'].map((end) =>
      externalRepo({ baseurl: `http://m.example/${'x'.repeat(300)}${end}` }, SITE),
    );
    expect(one?.id).toMatch(/^[A-Za-z0-9_]{1,100}$/);
    expect(one?.id).not.toBe(two?.id);
  });
});

describe('externalRepos', () => {
  it('names each address once and gives each an id of its own, in order', () => {
    const references = ['http://m.example/a-b/', 'http://m.example/a_b/', 'http://m.example/a-b/'];
    expect(
      externalRepos(
        references.map((baseurl) => ({ baseurl })),
        SITE,
      ).map(({ id }) => id),
    ).toEqual(['http_m_example_a_b', 'http_m_example_a_b_2']);
  });
});

describe('coprReference', () => {
  it.each([
    ['copr://demo/hello', { owner: 'demo', project: 'hello' }],
    ['copr://@team/hello:custom:x', { owner: '@team', project: 'hello:custom:x' }],
    ['http://demo/hello', undefined],
    ['copr://demo', undefined],
    ['copr://demo/../hello', undefined],
    ['copr://demo/..', undefined],
  ])('reads %s', (address, reference) => {
    expect(coprReference(address)).toEqual(reference);
  });
});
