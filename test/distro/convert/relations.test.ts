import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseControl } from '../deb/control.ts';
import { toConflicts, toProvides, toRequires } from './relations.ts';
import { toRpmEvr, toRpmVersion } from './version.ts';

describe('versions', () => {
  test.each([
    ['1.2-3', { epoch: 0, version: '1.2', release: '3' }],
    ['2:1.2~rc1-3+b1', { epoch: 2, version: '1.2~rc1', release: '3+b1' }],
    ['20230311+deb12u1', { epoch: 0, version: '20230311+deb12u1', release: '0' }],
    ['1.2-3-4', { epoch: 0, version: '1.2_3', release: '4' }],
  ])('%s is split as RPM needs it', (debian, expected) => {
    expect(toRpmVersion(debian)).toEqual(expected);
  });

  test('a dependency on a version without revision names no release', () => {
    expect([toRpmEvr('1:2.3'), toRpmEvr('1:2.3-4')]).toEqual(['1:2.3', '1:2.3-4']);
  });

  test('no version or release ever holds a hyphen, which would end it early', () => {
    const version = fc.stringMatching(/^[0-9][a-z0-9.+~-]{0,12}$/).filter((text) => !/-$|--/.test(text));
    fc.assert(
      fc.property(version, (text) => {
        const result = toRpmVersion(text);
        expect(`${result.version}${result.release}`).not.toContain('-');
      }),
    );
  });

  test('what is no version is refused', () => {
    expect(() => toRpmVersion('1.2 3')).toThrow("'1.2 3' is not a Debian package version");
  });
});

describe('requirements', () => {
  test.each([
    ['libc6 (>= 2.38)', 'libc6', 12, '2.38'],
    ['gcc-14 (= 14.2.0-19)', 'gcc-14', 8, '14.2.0-19'],
    ['libc6 (<< 2.42)', 'libc6', 2, '2.42'],
    ['libc6 (>> 2.41)', 'libc6', 12, '2.41'],
    ['git (>> 1:2.47-1)', 'git', 4, '1:2.47-1'],
    ['git-man (<< 1:2.47.3-.)', 'git-man', 10, '1:2.47.3'],
    ['python3:any', 'python3', 0, ''],
    ['debconf (>= 0.5) | debconf-2.0', '(debconf >= 0.5 or debconf-2.0)', 0, ''],
    ['mawk | mawk:any', 'mawk', 0, ''],
  ])('Debian %s', (text, name, flags, version) => {
    expect(toRequires(parseControl(`Depends: ${text}`))).toEqual([{ name, flags, version }]);
  });

  test('Pre-Depends count as well, each condition once', () => {
    const control = parseControl('Pre-Depends: libc6, libselinux1\nDepends: libc6');
    expect(toRequires(control).map((one) => one.name)).toEqual(['libc6', 'libselinux1']);
  });
});

test('versioned provides keep their version', () => {
  expect(toProvides(parseControl('Provides: awk, libz1 (= 1.3)'))).toEqual([
    { name: 'awk', flags: 0, version: '' },
    { name: 'libz1', flags: 8, version: '1.3' },
  ]);
});

test('versioned conflicts and breaks are dropped, others kept', () => {
  const control = parseControl('Conflicts: perl-modules (<< 5), mawk\nBreaks: dpkg (<< 1)');
  expect(toConflicts(control)).toEqual([{ name: 'mawk', flags: 0, version: '' }]);
});
