import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { chrootSpec } from '../../crds/chroot.ts';
import { chrootImageName } from './build.ts';
import { RELEASES } from './releases.ts';

function chrootsOf(file: string) {
  const values = parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as { chroots: unknown[] };
  return values.chroots.map((chroot) => chrootSpec.strict().parse(chroot));
}

describe.each(['values.yaml', 'real-distributions.yaml'])('the chroots of %s', (file) => {
  test('fit the schema of Chroot', () => {
    expect(chrootsOf(file).length).toBeGreaterThan(1);
  });

  test('have names made of their distribution and architecture, each once', () => {
    const chroots = chrootsOf(file);
    expect(chroots.map((chroot) => chroot.name)).toEqual(
      chroots.map((chroot) => `${chroot.distribution}-${chroot.architecture}`),
    );
    expect(new Set(chroots.map((chroot) => chroot.name)).size).toBe(chroots.length);
  });
});

test('Pebble Linux has one chroot for each release that is built, with its image and repository', () => {
  const expected = RELEASES.map((release) => ({
    name: `pebble-${release.id}`,
    image: chrootImageName(release),
    repo: `http://files.example/pebble/${release.version}/${release.rpmArch}/`,
    distTag: `.pb${release.version}`,
  }));
  const actual = chrootsOf('values.yaml').map((chroot) => ({
    name: chroot.name,
    image: chroot.container?.image,
    repo: chroot.repos?.[0]?.baseurl,
    distTag: chroot.distTag,
  }));
  expect(actual).toEqual(expected);
});
