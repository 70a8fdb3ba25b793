import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import { aBuild } from '../testing/objects.ts';
import { cycleOf } from './cycle.ts';

function named(name: string): Build {
  const build = aBuild();
  return { ...build, metadata: { ...build.metadata, name, uid: `uid-${name}` } };
}

/** The way from `a` back to itself, as names. */
function way(waits: Record<string, string[]>): string[] | undefined {
  const builds = new Map(Object.keys(waits).map((name) => [name, named(name)]));
  const before = ({ metadata }: Build): Build[] =>
    (waits[metadata.name] ?? []).map((name) => builds.get(name)).filter((build) => build !== undefined);
  return cycleOf(builds.get('a') as Build, before)?.map(({ metadata }) => metadata.name);
}

describe('cycleOf', () => {
  it.each<{ title: string; waits: Record<string, string[]>; is: string[] | undefined }>([
    { title: 'a chain', waits: { a: ['b'], b: ['c'], c: [] }, is: undefined },
    { title: 'a circle of two', waits: { a: ['b'], b: ['a'] }, is: ['b'] },
    {
      title: 'a circle of four, among others',
      waits: { a: ['x', 'b'], b: ['c'], c: ['x', 'd'], d: ['a'], x: [] },
      is: ['b', 'c', 'd'],
    },
    { title: 'the shortest of two circles', waits: { a: ['b', 'c'], b: ['d'], c: ['a'], d: ['a'] }, is: ['c'] },
    { title: 'a circle that does not hold it', waits: { a: ['b'], b: ['c'], c: ['b'] }, is: undefined },
    { title: 'a Build that is missing', waits: { a: ['x'] }, is: undefined },
  ])('sees $title for what it is', ({ waits, is }) => {
    expect(way(waits)).toEqual(is);
  });

  it('does not look for ever', () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`n${n}`, [`n${n + 1}`]]));
    expect(way({ a: ['n0'], ...many, n3000: ['a'] })).toBeUndefined();
  });
});
