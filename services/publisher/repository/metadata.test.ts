import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createrepoArguments } from './createrepo.ts';
import { changeList, formatPackageList, type ListedPackage, parsePackageList } from './package-list.ts';
import { announcedPackages, parseRepomd } from './repomd.ts';

const sum = 'b'.repeat(64);
const entry = (type: string, name: string): string => `
  <data type="${type}">
    <checksum type="sha256">${sum}</checksum>
    <open-checksum type="sha256">${'c'.repeat(64)}</open-checksum>
    <location href="repodata/${name}"/>
    <timestamp>1</timestamp>
    <size>12</size>
    <open-size>99</open-size>
  </data>`;

describe('repomd.xml', () => {
  it('is read for the files it refers to', () => {
    const xml = `<repomd>${entry('primary', `${sum}-primary.xml.gz`)}${entry('other', 'x-other.xml.gz')}</repomd>`;
    expect(parseRepomd(xml)).toEqual([
      { type: 'primary', name: `${sum}-primary.xml.gz`, size: 12, sha256: sum },
      { type: 'other', name: 'x-other.xml.gz', size: 12, sha256: sum },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['no primary metadata', `<repomd>${entry('other', 'x')}</repomd>`],
    ['a name that is a path', `<repomd>${entry('primary', '../../etc/passwd')}</repomd>`],
    ['a hidden name', `<repomd>${entry('primary', '.state.json')}</repomd>`],
    ['no size', `<repomd>${entry('primary', 'x').replace('<size>', '<siz>')}</repomd>`],
  ])('with %s is refused', (_what, xml) => {
    expect(() => parseRepomd(xml)).toThrow('repomd.xml is not usable');
  });

  it('has a count of packages in its primary metadata', () => {
    expect(announcedPackages('<?xml version="1.0"?>\n<metadata xmlns="x" xmlns:rpm="y" packages="42">')).toBe(42);
    expect(() => announcedPackages('<metadata>')).toThrow('how many packages');
  });
});

const file: fc.Arbitrary<ListedPackage> = fc.record({ size: fc.nat(9), mtime: fc.nat(2) });
const path: fc.Arbitrary<string> = fc.constantFrom('a/1.rpm', 'a/2.rpm', 'b/1.rpm', 'c/ü~^+.rpm');
const list = fc.uniqueArray(fc.tuple(path, file), {
  selector: ([name]) => name,
});

describe('the list of packages', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(list, (entries) => {
        expect(parsePackageList(formatPackageList(new Map(entries)))).toEqual(new Map(entries));
      }),
    );
  });

  it.each(['x', '1 2', '1 2 a', '1 2 a\nrest', '1 2 a b\n', ' '])('is not read from %j', (text) => {
    expect(parsePackageList(text)).toBeUndefined();
  });

  it('changes once for a change however often it is applied', () => {
    fc.assert(
      fc.property(list, list, fc.subarray(['a/1.rpm', 'a/2.rpm', 'b/1.rpm']), (old, add, remove) => {
        const once = changeList(new Map(old), new Map(add), remove);
        const twice = changeList(once.list, new Map(add), remove);
        expect(twice).toEqual({ list: once.list, changed: false, replaced: [] });
        for (const [path, facts] of add) expect(once.list.get(path)).toEqual(facts);
        for (const path of remove) expect(once.list.has(path)).toBe(new Map(add).has(path));
        expect(once.changed).toBe(formatPackageList(once.list) !== formatPackageList(new Map(old)));
      }),
    );
  });

  it('tells a replaced file from a new one', () => {
    const old = new Map([['a', { size: 1, mtime: 1 }]]);
    const add = new Map([
      ['a', { size: 2, mtime: 1 }],
      ['b', { size: 1, mtime: 1 }],
    ]);
    expect(changeList(old, add, [])).toEqual({ list: add, changed: true, replaced: ['a'] });
  });
});

describe('the arguments of createrepo_c', () => {
  const run = {
    directory: '/d',
    output: '/o',
    packageList: '/l',
    update: true,
    skipStat: true,
    workers: 2,
    tolerant: false,
  };

  it('reuse what is known, and trust it only when told so', () => {
    expect(createrepoArguments(run).slice(-3)).toEqual(['--update', '--skip-stat', '/d']);
    expect(createrepoArguments({ ...run, skipStat: false }).slice(-2)).toEqual(['--update', '/d']);
    expect(createrepoArguments({ ...run, update: false })).not.toContain('--skip-stat');
  });
});
