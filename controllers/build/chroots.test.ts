import { describe, expect, it } from 'vitest';
import type { Package } from '../../crds/package.ts';
import { aBuild, aPackage, aSourceStage, NOW } from '../testing/objects.ts';
import { isDenied, wantedChroots } from './chroots.ts';
import { planBuild } from './plan.ts';
import { aWorld } from './testing/worlds.ts';

describe('wantedChroots', () => {
  it.each<{ title: string; named?: string[]; pkg?: Partial<Package['spec']>; is: string[] }>([
    { title: 'all of the Project', is: ['pebble-13-x86_64', 'pebble-12-i386'] },
    { title: 'those that the Build names', named: ['pebble-12-i386'], is: ['pebble-12-i386'] },
    { title: 'those that the Package names', pkg: { chroots: ['pebble-12-i386'] }, is: ['pebble-12-i386'] },
    { title: 'those that are not denied', pkg: { chrootDenylist: ['*-i386'] }, is: ['pebble-13-x86_64'] },
    {
      title: 'those of the Package that are not denied',
      pkg: { chroots: ['a-1-x', 'b-1-x'], chrootDenylist: ['b-*'] },
      is: ['a-1-x'],
    },
    {
      title: 'all, when every one is denied',
      pkg: { chrootDenylist: ['*'] },
      is: ['pebble-13-x86_64', 'pebble-12-i386'],
    },
    {
      title: 'those that the Build names, denied or not',
      named: ['pebble-12-i386'],
      pkg: { chrootDenylist: ['*-i386'] },
      is: ['pebble-12-i386'],
    },
  ])('are $title', ({ named, pkg, is }) => {
    const build = aBuild(named === undefined ? {} : { chroots: named });
    const world = aWorld({ build, ...(pkg === undefined ? {} : { package: aPackage(pkg) }) });
    expect(wantedChroots(world)).toEqual(is);
  });

  it('are what the Build began with when its Package is gone', () => {
    const chroots = [{ name: 'pebble-13-x86_64', state: 'waiting' }] as const;
    const build = aBuild({ package: 'greet' }, { id: 7, chroots: [...chroots] });
    expect(wantedChroots(aWorld({ build, children: [aSourceStage()] }))).toEqual(['pebble-13-x86_64']);
    expect(wantedChroots(aWorld({ build }))).toHaveLength(2);
  });
});

describe('isDenied', () => {
  it.each([
    ['fedora-43-x86_64', ['fedora-43-x86_64'], true],
    ['fedora-43-x86_64', ['fedora-*-x86_64'], true],
    ['fedora-43-x86_64', ['fedora-43'], false],
    ['fedora-43-x86_64', ['.*'], false],
    ['a+b-1-x86_64', ['a+b-*'], true],
    ['fedora-43-x86_64', [], false],
    ['fedora-43-x86_64', ['*'], true],
    ['fedora-43-x86_64', ['*43*'], true],
    ['fedora-43-x86_64', ['*43*43*'], false],
    ['fedora-43-x86_64', ['fedora-43*43-x86_64'], false],
    ['fedora-43-x86_64', ['f**64'], true],
    [`${'a'.repeat(99)}b`, [`${'a*'.repeat(49)}c`], false],
  ])('%s by %j: %s', (name, list, denied) => {
    expect(isDenied(name, list)).toBe(denied);
  });
});

describe('a Build of a Package', () => {
  it('has its time limit, unless it names its own', () => {
    const world = aWorld({ package: aPackage({ timeoutSeconds: 600 }) });
    expect(planBuild(world, NOW).create[0]?.spec.timeoutSeconds).toBe(600);
    const own = { ...world, build: aBuild({ timeoutSeconds: 60 }) };
    expect(planBuild(own, NOW).create[0]?.spec.timeoutSeconds).toBe(60);
  });
});
