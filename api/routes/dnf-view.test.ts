import { describe, expect, it } from 'vitest';
import { type DnfProject, dependenciesOf, matchChroot, multilibOf } from './dnf-view.ts';

const CHROOTS = ['centos-stream-10-x86_64', 'centos-stream-9-x86_64', 'fedora-43-aarch64', 'fedora-43-x86_64'];

describe('the chroot that dnf means', () => {
  it.each([
    ['fedora-43', 'fedora-43-x86_64'],
    ['fedora-43-aarch64', 'fedora-43-aarch64'],
    ['centos-stream', 'centos-stream-9-x86_64'],
    ['fedora-4', undefined],
    ['fedora-44', undefined],
    ['', undefined],
  ])('by "%s" is %s', (name, chroot) => {
    expect(matchChroot(CHROOTS, name)).toBe(chroot);
  });
});

function aProject(name: string, more: object = {}): DnfProject {
  const options = { multilib: true, moduleHotfixes: false };
  return {
    owner: 'o',
    name,
    project: { spec: { chroots: CHROOTS, options, ...more } } as unknown as DnfProject['project'],
  };
}

describe('32-bit packages', () => {
  it.each([
    ['x86_64', ['fedora-43-x86_64', 'fedora-43-i386'], true, 'i386'],
    ['x86_64', ['fedora-43-x86_64'], true, undefined],
    ['x86_64', ['fedora-43-x86_64', 'fedora-43-i386'], false, undefined],
    ['aarch64', ['fedora-43-aarch64', 'fedora-43-i386'], true, undefined],
    ['i386', ['fedora-43-i386'], true, undefined],
  ])('for %s of %j, wanted: %s', (arch, chroots, multilib, small) => {
    const project = aProject('p', { chroots, options: { multilib } });
    expect(multilibOf(project, `fedora-43-${arch}`, arch)).toBe(small);
  });
});

describe('what a project needs at run time', () => {
  it('is followed through all projects, each once, also in a circle', () => {
    const projects = [
      aProject('a', { runtimeDependencies: ['copr://o/b', 'https://x.test/', 'copr://o/c?priority=7'] }),
      aProject('b', { runtimeDependencies: ['copr://o/c', 'copr://o/a', 'copr://o/none'] }),
      aProject('c', { runtimeDependencies: ['copr://o/b', 'https://x.test/', 'copr://o/b:pr:1'] }),
    ];
    const find = (owner: string, name: string) => projects.find((one) => one.owner === owner && one.name === name);
    expect(dependenciesOf(projects[0] as DnfProject, find)).toEqual([
      { kind: 'project', owner: 'o', project: 'b', options: { moduleHotfixes: false } },
      { kind: 'external', baseurl: 'https://x.test/' },
      { kind: 'project', owner: 'o', project: 'c', options: { moduleHotfixes: false, priority: 7 } },
      { kind: 'missing', name: 'copr://o/none' },
      { kind: 'project', owner: 'o', project: 'b:pr:1', options: { moduleHotfixes: false } },
    ]);
  });

  it('ends, however long the chain is', () => {
    const find = (_: string, name: string) => aProject(name, { runtimeDependencies: [`copr://o/${name}x`] });
    expect(dependenciesOf(find('o', 'p'), find)).toHaveLength(100);
  });
});
