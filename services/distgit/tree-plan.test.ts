import { describe, expect, it } from 'vitest';
import { planTree } from './tree-plan.ts';
import type { UnpackedFile } from './unpack.ts';

const MIB = 1024 * 1024;

function file(name: string, change: Partial<UnpackedFile> = {}): UnpackedFile {
  const digests = { md5: '1'.repeat(32), sha256: '2'.repeat(64), sha512: '3'.repeat(128) };
  return { name, path: '/x', size: 10, executable: false, binary: false, ...digests, ...change };
}

describe('the plan of a tree', () => {
  it.each<[string, Partial<UnpackedFile>, 'git' | 'lookaside']>([
    ['fix.patch', {}, 'git'],
    ['README', {}, 'git'],
    ['hello.conf', { size: MIB }, 'git'],
    ['words.txt', { size: MIB + 1 }, 'lookaside'],
    ['logo.png', { binary: true }, 'lookaside'],
    ['hello-1.0.tar.gz', {}, 'lookaside'],
    ['hello-1.0.TAR.XZ', {}, 'lookaside'],
    ['hello.tgz', {}, 'lookaside'],
    ['hello.zip', {}, 'lookaside'],
    ['hello.crate', {}, 'lookaside'],
    ['hello-1.0.tar.gz.asc', {}, 'git'],
    ['hello-1.0.tar.gz.sig', { binary: true }, 'lookaside'],
    ['gz', {}, 'git'],
  ])('puts %s %o into %s', (name, change, where) => {
    const plan = planTree('hello', ['hello.spec'], [file('hello.spec'), file(name, change)]);
    expect(plan[where].map((one) => one.name)).toContain(name);
    expect(plan.git.length + plan.lookaside.length).toBe(2);
  });

  it('keeps the spec in git whatever it looks like', () => {
    const plan = planTree('hello', ['hello.spec'], [file('hello.spec', { binary: true, size: 2 * MIB })]);
    expect(plan.git.map((one) => one.name)).toEqual(['hello.spec']);
  });

  it('is the same in whatever order the SRPM has its files', () => {
    const files = [file('b.zip'), file('hello.spec'), file('a.zip'), file('z.patch')];
    expect(planTree('hello', [], files)).toEqual(planTree('hello', [], files.toReversed()));
  });

  it('hides archives from git, names that look like patterns too', () => {
    const plan = planTree('hello', [], [file('hello.spec'), file('#a [1]*.zip'), file('!b.zip')]);
    expect(plan.gitignore).toBe('/\\!b.zip\n/\\#a\\ \\[1\\]\\*.zip\n');
    expect(plan.sources).toBe(`SHA512 (!b.zip) = ${'3'.repeat(128)}\nSHA512 (#a [1]*.zip) = ${'3'.repeat(128)}\n`);
  });

  it.each([
    ['the only one', ['a.spec'], ['a.spec'], 'a.spec'],
    ['the only one, unmarked', [], ['a.spec'], 'a.spec'],
    ['the one of the package', ['hello.spec'], ['a.spec', 'hello.spec'], 'hello.spec'],
    ['the one of the package, unmarked', [], ['a.spec', 'hello.spec'], 'hello.spec'],
  ])('takes as spec %s', (_what, flagged, names, spec) => {
    expect(
      planTree(
        'hello',
        flagged,
        names.map((name) => file(name)),
      ).spec,
    ).toBe(spec);
  });

  it.each([
    ['no spec', ['hello.spec'], [file('a.txt')], 'NoSpec'],
    ['a marked spec that is missing', ['b.spec'], [file('a.spec')], 'NoSpec'],
    ['another spec marked than builders would take', ['a.spec'], [file('a.spec'), file('hello.spec')], 'AmbiguousSpec'],
    ['two specs of other names', [], [file('a.spec'), file('b.spec')], 'AmbiguousSpec'],
    ['a file named sources', [], [file('hello.spec'), file('sources')], 'NameClash'],
    ['a spec of 17 MiB', [], [file('hello.spec', { size: 17 * MIB })], 'TextTooLarge'],
    [
      '300 MiB of text',
      [],
      [file('hello.spec'), ...Array.from({ length: 300 }, (_, n) => file(`${n}.txt`, { size: MIB }))],
      'TextTooLarge',
    ],
  ])('is refused for %s', (_what, flagged, files, code) => {
    expect(() => planTree('hello', flagged, files)).toThrow(expect.objectContaining({ code }));
  });
});
