import { describe, expect, it } from 'vitest';
import { nameReleaseOf, repoFileName, repoFileText, repoFileURL } from './repo-file.ts';

const input = {
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
