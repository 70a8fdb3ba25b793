import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseChroots, denylistProblem, matches, packageChroots } from './patterns.ts';

const ACTIVE = ['fedora-43-x86_64', 'fedora-43-aarch64', 'fedora-rawhide-x86_64', 'epel-9-x86_64'];

describe('a pattern of chroots', () => {
  it.each([
    ['fedora-43-x86_64', 'fedora-43-x86_64', true],
    ['fedora-43-x86_64', 'fedora-43-x86-64', false],
    ['fedora-*', 'fedora-43-x86_64', true],
    ['*', '', true],
    ['*-x86_64', 'epel-9-x86_64', true],
    ['fedora-4?-*', 'fedora-43-aarch64', true],
    ['fedora-?-*', 'fedora-43-aarch64', false],
    ['fedora-4[23]-x86_64', 'fedora-43-x86_64', true],
    ['fedora-4[!23]-x86_64', 'fedora-43-x86_64', false],
    ['*-[a-f]*', 'fedora-43-aarch64', true],
    ['*-[a-f]arch64', 'epel-9-x86_64', false],
    ['[', '[', true],
    ['[]]', ']', true],
    ['fedora', 'fedora-43-x86_64', false],
    ['fedora-43.x86_64', 'fedora-43-x86_64', false],
    ['(a|b)+', 'a', false],
    ['', 'a', false],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it('matches what it was made from by putting stars and question marks in', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', '-', '_'), fc.constantFrom(0, 1, 2))), (letters) => {
        const name = letters.map(([letter]) => letter).join('');
        const pattern = letters.map(([letter, kind]) => [letter, '?', '*'][kind]).join('');
        expect(matches(pattern, name)).toBe(true);
      }),
    );
  });

  it('agrees with a regular expression', () => {
    const pattern = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 8 }).map((parts) => parts.join(''));
    const name = fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        const regex = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matches(glob, text)).toBe(regex.test(text));
      }),
    );
  });

  it('takes no time worth mentioning when it is made to take for ever', () => {
    const started = performance.now();
    expect(matches(`${'*a'.repeat(200)}b`, 'a'.repeat(5_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('the chroots that a build is asked for', () => {
  it.each([
    ['nothing', {}, undefined],
    ['a name', { chroots: ['epel-9-x86_64'] }, ['epel-9-x86_64']],
    ['a pattern', { chroots: ['fedora-43-*'] }, ['fedora-43-x86_64', 'fedora-43-aarch64']],
    [
      'several that overlap, in the order of the project',
      { chroots: ['epel-*', '*-x86_64'] },
      ['fedora-43-x86_64', 'fedora-rawhide-x86_64', 'epel-9-x86_64'],
    ],
    ['all but some', { exclude: ['*-x86_64'] }, ['fedora-43-aarch64']],
    ['some but one', { chroots: ['fedora-*'], exclude: ['fedora-rawhide-*', '*-aarch64'] }, ['fedora-43-x86_64']],
  ])('%s', (_what, choice, chroots) => {
    expect(chooseChroots(ACTIVE, choice)).toEqual({ chroots });
  });

  it.each([
    [{ chroots: ['nothing-*'] }, 'chroots', /"nothing-\*" is not a valid choice for this field; .* fedora-43-x86_64,/],
    [{ exclude: ['gone-1-x86_64'] }, 'exclude_chroots', /"gone-1-x86_64" is not a valid choice for this field/],
    [{ chroots: ['epel-*'], exclude: ['epel-*'] }, 'exclude_chroots', /leaves no chroot/],
  ])('%j is refused at %s', (choice, field, message) => {
    const chosen = chooseChroots(ACTIVE, choice);
    expect(chosen).toHaveProperty(['problems', field]);
    if ('problems' in chosen) expect(chosen.problems[field]?.[0]).toMatch(message);
  });
});

describe('the denylist of a package', () => {
  it.each([
    [undefined, ACTIVE],
    [['fedora-*'], ['epel-9-x86_64']],
    [['*'], ACTIVE],
    [['gone-*'], ACTIVE],
  ])('%j leaves %j', (denylist, expected) => {
    expect(packageChroots(ACTIVE, denylist)).toEqual(expected);
  });

  it.each([
    [['fedora-*'], undefined],
    [['Fedora'], /small letters/],
    [['gone-*'], /matches no active chroot/],
    [['fedora-*', 'epel-*'], /every active chroot/],
  ])('%j: %s', (denylist, problem) => {
    const found = denylistProblem(denylist, ACTIVE);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(problem);
  });
});
