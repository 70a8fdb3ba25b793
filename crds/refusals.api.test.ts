import { describe, expect, it } from 'vitest';
import type { Manifest } from './examples.ts';
import { exampleOf } from './examples.ts';
import type { Json, TestApi } from './testing/api.ts';
import { create, useInstalledApi, variant } from './testing/installed.ts';

let api: TestApi;

useInstalledApi((fresh) => {
  api = fresh;
});

describe('a wrong manifest is refused with a sentence:', () => {
  const link = { link: { url: 'https://files.example/a.src.rpm' } };
  const git = (more: Json): Json => ({ source: { git: { url: 'https://git.example/a.git', ...more } } });
  const table: [string, Manifest, RegExp][] = [
    ['no spec', { ...exampleOf('Project'), spec: undefined as unknown as Json }, /spec: Required value/],
    ['an unknown field', variant('Project', { chrots: [] }), /unknown field "spec.chrots"/],
    [
      'a Project without chroots',
      variant('Project', { chroots: [] }),
      /spec.chroots in body should have at least 1 items/,
    ],
    [
      'a word that is no chroot',
      variant('Project', { chroots: ['fedora'] }),
      /must be the name of a chroot: .* e\.g\. fedora-43-x86_64/,
    ],
    ['a chroot named twice', variant('Project', { chroots: ['a-1-x', 'a-1-x'] }), /Duplicate value: "a-1-x"/],
    [
      'a repository that is not http',
      variant('Project', { externalRepos: [{ baseurl: 'ftp://a/b' }] }),
      /must be an address that starts with http:\/\/ or https:\/\//,
    ],
    ['a long project name', variant('Project', {}, 'p'.repeat(64)), /the name of a Project has at most 63 characters/],
    [
      'a timeout of no second',
      variant('Project', { options: { timeoutSeconds: 0 } }),
      /should be greater than or equal to 1/,
    ],
    [
      'an unknown deletion policy',
      variant('Project', { deletionPolicy: 'Keep' }),
      /supported values: "Delete", "Retain"/,
    ],
    [
      'a project name in capitals',
      variant('Package', { project: 'Hello' }),
      /must be the name of an object: small letters/,
    ],
    [
      'a Build without any source',
      variant('Build', { source: undefined }),
      /a Build needs exactly one of source and package/,
    ],
    [
      'a Build with two sources',
      variant('Build', { package: 'hello' }),
      /a Build needs exactly one of source and package/,
    ],
    [
      'a source without a method',
      variant('Build', { source: {} }),
      /a source needs exactly one method: set one of link, git and upload/,
    ],
    [
      'a source with two methods',
      variant('Build', { source: { ...link, git: { url: 'https://a/b' } } }),
      /a source needs exactly one method/,
    ],
    [
      'a Package whose source has two methods',
      variant('Package', { source: { ...link, git: { url: 'https://a/b' } } }),
      /a source needs exactly one method/,
    ],
    [
      'a link to a local file',
      variant('Build', { source: { link: { url: 'file:///etc/passwd' } } }),
      /must be an address that starts with http/,
    ],
    [
      'a link to a page',
      variant('Build', { source: { link: { url: 'https://files.example/a.html' } } }),
      /must name an SRPM or a spec file: its path ends in \.src\.rpm, \.nosrc\.rpm or \.spec/,
    ],
    [
      'a link that names an SRPM in its query alone',
      variant('Build', { source: { link: { url: 'https://files.example/get?file=/a.src.rpm' } } }),
      /its path ends in \.src\.rpm, \.nosrc\.rpm or \.spec/,
    ],
    [
      'a link with a password',
      variant('Build', { source: { link: { url: 'https://me:secret@files.example/a.src.rpm' } } }),
      /must not hold a user name or password/,
    ],
    [
      'a Git URL with a token',
      variant('Build', git({ url: 'https://token@git.example/a' })),
      /must not hold a user name/,
    ],
    [
      'a repository with a password',
      variant('Project', { externalRepos: [{ baseurl: 'https://a:b@c/d' }] }),
      /must not hold a user name or password/,
    ],
    [
      'a repository of a Chroot with a user name',
      variant('Chroot', { repos: [{ id: 'a', baseurl: 'https://a@b/c' }] }),
      /must not hold a user name or password/,
    ],
    [
      "a Git URL of git's own protocol",
      variant('Build', git({ url: 'git://git.example/a.git' })),
      /must be the clone URL of a Git repository that starts with https:\/\/ or http:\/\//,
    ],
    [
      'a Git URL for ssh',
      variant('Build', { source: { git: { url: 'ssh://git@a/b' } } }),
      /must be the clone URL of a Git repository/,
    ],
    [
      'a committish that looks like an option',
      variant('Build', git({ committish: '--upload-pack=x' })),
      /must be a branch, a tag, a commit or a full ref/,
    ],
    [
      'a subdirectory outside of the repository',
      variant('Build', git({ subdirectory: 'a/../../b' })),
      /git\.subdirectory must stay inside the repository/,
    ],
    ['an absolute subdirectory', variant('Build', git({ subdirectory: '/etc' })), /must be a relative path/],
    [
      'a spec file in a directory',
      variant('Build', git({ spec: 'a/b.spec' })),
      /must be the name of a file that ends in \.spec/,
    ],
    ['a Build after itself', variant('Build', { after: ['self'] }, 'self'), /a Build cannot come after itself/],
    [
      'a condition both on and off',
      variant('Build', { with: ['x', 'y'], without: ['y'] }),
      /cannot be both in with and in without/,
    ],
    ['a build condition with a space', variant('Build', { with: ['a b'] }), /must be the name of a build condition/],
    ['a long build name', variant('Build', {}, 'b'.repeat(121)), /the name of a Build has at most 120 characters/],
    [
      'a source stage with a package',
      variant('ChrootBuild', { stage: 'source' }),
      /a source stage needs source, a binary stage needs package/,
    ],
    [
      'a binary stage with a source',
      variant('ChrootBuild', { package: undefined, source: link }),
      /a source stage needs source/,
    ],
    ['a ticket for a tag with a space', variant('BuilderTicket', { tags: ['a b'] }), /must be a tag/],
    [
      'a pool without a provider',
      variant('BuilderPool', { pod: undefined }),
      /a BuilderPool needs exactly one provider: set one of pod, hosts and command/,
    ],
    ['a pool without architectures', variant('BuilderPool', { architectures: [] }), /should have at least 1 items/],
    [
      'a size that is no quantity',
      variant('BuilderPool', { pod: { workspace: { sizeLimit: '20 GB' } } }),
      /must be a quantity as in Kubernetes/,
    ],
    [
      'a limit that is no quantity',
      variant('BuilderPool', { pod: { resources: { limits: { memory: 'much' } } } }),
      /must be a quantity as in Kubernetes/,
    ],
    [
      'a Chroot whose name does not fit',
      variant('Chroot', { architecture: 'i386' }),
      /name must be the distribution and the architecture joined by "-"/,
    ],
    [
      'a Chroot object with another name',
      variant('Chroot', {}, 'f43'),
      /metadata\.name must be spec\.name with "-" instead of "_" and "\+"/,
    ],
    [
      'a Chroot without an image and without repositories',
      variant('Chroot', { container: undefined }),
      /a Chroot needs container for builds in pods; without it, it needs repos/,
    ],
    ['a %dist without a dot', variant('Chroot', { distTag: 'fc43' }), /must be a dot and then letters/],
    [
      'a build root package that looks like an option',
      variant('Chroot', { buildrootPackages: ['--nogpgcheck'] }),
      /must be a package, a @group or a capability/,
    ],
    [
      'a repository id with a slash',
      variant('Chroot', { repos: [{ id: 'a/b', baseurl: 'http://a' }] }),
      /must be an id for dnf/,
    ],
    [
      'two repositories with one id',
      variant('Chroot', {
        repos: [
          { id: 'a', baseurl: 'http://a' },
          { id: 'a', baseurl: 'http://b' },
        ],
      }),
      /Duplicate value/,
    ],
    ['a branch that looks like an option', variant('Chroot', { distGitBranch: '-f' }), /must be a branch name/],
    [
      'a second quota in a namespace',
      variant('BuildQuota', {}, 'more'),
      /a namespace has one BuildQuota; its name must be "default"/,
    ],
    ['a weight of nothing', variant('BuildQuota', { weight: 0 }), /should be greater than or equal to 1/],
  ];

  it.each(table)('%s', async (_, manifest, message) => {
    const answer = await create(api, manifest, '&dryRun=All');
    expect(answer.body.message).toMatch(message);
    expect([400, 422]).toContain(answer.status);
  });
});
