import { describe, expect, it } from 'vitest';
import { checkName, isName, type NameKind } from './names.ts';

describe('a name', () => {
  it.each<[NameKind, string, boolean]>([
    ['owner', 'demo', true],
    ['owner', '@team-1', true],
    ['owner', '@', false],
    ['owner', '..', false],
    ['owner', '.hidden', false],
    ['owner', 'a/b', false],
    ['owner', 'a\n', false],
    ['owner', 'a'.repeat(200), false],
    ['project', 'hello:pr:1', true],
    ['project', '-rf', false],
    ['package', 'gtk+2.0_x', true],
    ['package', 'hello.git', false],
    ['package', 'a b', false],
    ['branch', 'pebble-13', true],
    ['branch', 'epel9', true],
    ['branch', 'a..b', false],
    ['branch', 'a.lock', false],
    ['branch', 'a.', false],
    ['branch', 'a/b', false],
    ['branch', '@', false],
  ])('as %s: %j is usable: %s', (kind, text, usable) => {
    expect(isName(kind, text)).toBe(usable);
  });

  it('that is unusable is named, but not at any length', () => {
    expect(() => checkName('branch', `a b${'x'.repeat(5000)}`)).toThrow(/^"a bx{117}" is not a usable branch name/);
  });
});
