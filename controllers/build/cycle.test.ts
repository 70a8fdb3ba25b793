import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import { aBuild, endedAs } from '../testing/objects.ts';
import { cycleOf } from './cycle.ts';

function named(name: string, after: string[], status: Build['status'] = {}): Build {
  const build = aBuild({ after }, status);
  return { ...build, metadata: { ...build.metadata, name } };
}

describe('cycleOf', () => {
  const find = (builds: Build[]) => (name: string) => builds.find((build) => build.metadata.name === name);

  it.each([
    { title: 'a chain', builds: [named('a', ['b']), named('b', ['c']), named('c', [])], way: undefined },
    { title: 'a circle of two', builds: [named('a', ['b']), named('b', ['a'])], way: ['b', 'a'] },
    {
      title: 'a circle that does not hold it',
      builds: [named('a', ['b']), named('b', ['c']), named('c', ['b'])],
      way: undefined,
    },
    {
      title: 'a circle that has ended',
      builds: [named('a', ['b']), named('b', ['a'], endedAs('failed'))],
      way: undefined,
    },
    { title: 'a Build that is missing', builds: [named('a', ['x'])], way: undefined },
  ])('sees $title for what it is', ({ builds, way }) => {
    const [first] = builds;
    if (first === undefined) throw new Error('a case needs a Build');
    expect(cycleOf(first, find(builds))).toEqual(way);
  });
});
