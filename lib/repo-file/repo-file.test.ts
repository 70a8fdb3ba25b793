import { describe, expect, it } from 'vitest';
import {
  nameReleaseOf,
  type RepoFileInput,
  type RuntimeDependency,
  repoFileName,
  repoFileText,
  repoFileURL,
  withoutOptions,
} from './repo-file.ts';

const input: RepoFileInput = {
  owner: 'demo',
  project: 'hello',
  nameRelease: 'pebble-13',
  resultsURL: 'https://results.example/results',
  frontendURL: 'https://kopr.example:8443',
  options: { moduleHotfixes: false },
};

function setting(text: string, key: string): string | undefined {
  return new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
}

describe('a .repo file', () => {
  it.each([
    ['fedora-43', 'fedora-$releasever'],
    ['fedora-rawhide', 'fedora-$releasever'],
    ['fedora-eln', 'fedora-$releasever'],
    ['fedora-somewhere', 'fedora-somewhere'],
    ['centos-stream-9', 'centos-stream-$releasever'],
    ['opensuse-leap-15.6', 'opensuse-leap-$releasever'],
    ['opensuse-tumbleweed', 'opensuse-tumbleweed'],
    ['mageia-9', 'mageia-$releasever'],
    ['mageia-cauldron', 'mageia-cauldron'],
    ['epel-9', 'epel-9'],
    ['centos-stream+epel-9', 'centos-stream+epel-9'],
    ['pebble-13', 'pebble-13'],
  ])('for %s has the base URL …/%s-$basearch/', (nameRelease, directory) => {
    const text = repoFileText({ ...input, nameRelease });
    expect(setting(text, 'baseurl')).toBe(`https://results.example/results/demo/hello/${directory}-$basearch/`);
  });

  it('names host, owner and project in its id, a group by a name dnf takes', () => {
    expect(repoFileText(input).split('\n')[0]).toBe('[copr:kopr.example:demo:hello]');
    expect(repoFileText({ ...input, owner: '@team' }).split('\n')[0]).toBe('[copr:kopr.example:group_team:hello]');
    expect(repoFileText({ ...input, project: 'hello:pr:7' }).split('\n')[0]).toBe(
      '[copr:kopr.example:demo:hello:pr:7]',
    );
  });

  it('has options only when they are set', () => {
    expect(repoFileText(input)).not.toMatch(/priority|module_hotfixes/);
    const text = repoFileText({ ...input, options: { moduleHotfixes: true, priority: 20 } });
    expect([setting(text, 'priority'), setting(text, 'module_hotfixes')]).toEqual(['20', '1']);
  });

  it('is called and found as in Copr', () => {
    expect(repoFileName({ owner: '@team', project: 'hello:pr:7' }, 'fedora-43')).toBe(
      'group_team-hello-pr-7-fedora-43.repo',
    );
    expect(repoFileURL('https://f', { owner: '@team', project: 'x' }, 'fedora-43')).toBe(
      'https://f/coprs/g/team/x/repo/fedora-43/group_team-x-fedora-43.repo',
    );
  });

  it('is for all architectures of a distribution', () => {
    expect(['fedora-43-x86_64', 'opensuse-leap-15.6-aarch64', 'pebble-12-i386'].map(nameReleaseOf)).toEqual([
      'fedora-43',
      'opensuse-leap-15.6',
      'pebble-12',
    ]);
  });
});

/** The sections of an INI text: name → settings, in order. */
function sectionsOf(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const id = /^\[(.*)\]$/.exec(line)?.[1];
    if (id !== undefined) {
      expect(sections.has(id)).toBe(false);
      current = {};
      sections.set(id, current);
    } else if (line !== '' && !line.startsWith('#')) {
      const at = line.indexOf('=');
      current[line.slice(0, at)] = line.slice(at + 1);
    }
  }
  return sections;
}

describe('the part of a .repo file for 32-bit packages', () => {
  it('is a section of its own that costs more than the other', () => {
    const text = repoFileText({
      ...input,
      nameRelease: 'fedora-43',
      multilib: 'i386',
      options: { moduleHotfixes: true },
    });
    const sections = sectionsOf(text);
    expect([...sections.keys()]).toEqual(['copr:kopr.example:demo:hello', 'copr:kopr.example:demo:hello:ml']);
    expect(sections.get('copr:kopr.example:demo:hello')).toMatchObject({
      name: 'Copr repo for hello owned by demo',
      baseurl: 'https://results.example/results/demo/hello/fedora-$releasever-$basearch/',
    });
    expect(sections.get('copr:kopr.example:demo:hello')).not.toHaveProperty('cost');
    expect(sections.get('copr:kopr.example:demo:hello:ml')).toEqual({
      name: 'Copr repo for hello owned by demo (i386)',
      baseurl: 'https://results.example/results/demo/hello/fedora-$releasever-i386/',
      type: 'rpm-md',
      skip_if_unavailable: 'True',
      gpgcheck: '1',
      gpgkey: 'https://results.example/results/demo/hello/pubkey.gpg',
      repo_gpgcheck: '0',
      cost: '1100',
      enabled: '1',
      enabled_metadata: '1',
      module_hotfixes: '1',
    });
  });
});

describe('the parts of a .repo file for what a project needs at run time', () => {
  const hello: RuntimeDependency = {
    kind: 'project',
    owner: '@team',
    project: 'base',
    options: { moduleHotfixes: false, priority: 9 },
  };

  it.each<[string, RuntimeDependency, string, Record<string, string>]>([
    [
      'a project of the site',
      hello,
      'coprdep:kopr.example:group_team:base',
      {
        name: 'Copr kopr.example/demo/hello runtime dependency #1 - @team/base',
        baseurl: 'https://results.example/results/@team/base/pebble-13-$basearch/',
        gpgcheck: '1',
        gpgkey: 'https://results.example/results/@team/base/pubkey.gpg',
        repo_gpgcheck: '0',
        priority: '9',
      },
    ],
    [
      'a repository elsewhere',
      { kind: 'external', baseurl: 'https://other.example/repo/$basearch/' },
      'coprdep:https_other_example_repo_basearch',
      {
        name: 'Copr kopr.example/demo/hello external runtime dependency #1 - https_other_example_repo_basearch',
        baseurl: 'https://other.example/repo/$basearch/',
        gpgcheck: '0',
        repo_gpgcheck: '0',
        skip_if_unavailable: 'True',
      },
    ],
    [
      'a repository elsewhere for each chroot',
      { kind: 'external', baseurl: 'https://other.example/$chroot/$distname/?priority=5' },
      'coprdep:https_other_example_chroot_distname',
      { baseurl: 'https://other.example/pebble-13-$basearch/pebble/', priority: '5' },
    ],
  ])('%s', (_what, dependency, id, settings) => {
    const sections = sectionsOf(repoFileText({ ...input, dependencies: [dependency] }));
    expect([...sections.keys()]).toEqual(['copr:kopr.example:demo:hello', id]);
    expect(sections.get(id)).toMatchObject(settings);
    expect(sections.get(id)).not.toHaveProperty('cost');
  });

  it('are counted in their order, and a project that does not exist is a comment', () => {
    const dependencies: RuntimeDependency[] = [
      { kind: 'missing', name: 'copr://demo/gone\n[evil]' },
      hello,
      { kind: 'external', baseurl: 'https://x.example/' },
    ];
    const text = repoFileText({ ...input, multilib: 'i386', dependencies });
    expect([...sectionsOf(text).keys()]).toEqual([
      'copr:kopr.example:demo:hello',
      'copr:kopr.example:demo:hello:ml',
      'coprdep:kopr.example:group_team:base',
      'coprdep:https_x_example',
    ]);
    expect(text).toMatch(
      /^# The project copr:\/\/demo\/gone \[evil\], on which demo\/hello depends, does not exist\.$/m,
    );
    expect(text).toContain('dependency #2 - @team/base');
    expect(text).toContain('external runtime dependency #3 - https_x_example\n');
  });

  it.each([
    ['https://x/', { baseurl: 'https://x/' }],
    ['https://x/?priority=10', { baseurl: 'https://x/', priority: 10 }],
    ['https://x/?a=b&priority=10', { baseurl: 'https://x/?a=b', priority: 10 }],
    ['https://x/?priority=10&a=b', { baseurl: 'https://x/?a=b', priority: 10 }],
    ['https://x/?priority=high', { baseurl: 'https://x/?priority=high' }],
  ])('have the priority that stands behind %s', (baseurl, parts) => {
    expect(withoutOptions(baseurl)).toEqual(parts);
  });
});
