import { describe, expect, it } from 'vitest';
import { toTimestamp } from '../lib/clock.ts';
import type { Namespace } from '../operator/core.ts';
import { ownerConflict, ownerOf } from './owner.ts';

const NOW = Date.UTC(2026, 0, 1);

function aNamespace(name: string, owner?: string, secondsOld = 0): Namespace {
  const annotations = owner === undefined ? {} : { annotations: { 'kopr.dev/owner': owner } };
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, creationTimestamp: toTimestamp(NOW - secondsOld * 1000), ...annotations },
  };
}

describe('ownerOf', () => {
  it('is the name of the namespace, unless its annotation says otherwise', () => {
    expect(ownerOf(aNamespace('demo'))).toEqual({ owner: 'demo' });
    expect(ownerOf(aNamespace('demo', '@group'))).toEqual({ owner: '@group' });
  });

  it.each(['', '@', '@@group', 'a/b', '../etc', 'a b', '.hidden', 'a#b', 'ümlaut', 'x'.repeat(200)])(
    'refuses "%s", and says what an owner is',
    (owner) => {
      expect(ownerOf(aNamespace('demo', owner))).toEqual({
        problem: expect.stringMatching(/^annotation kopr\.dev\/owner of namespace demo is .*; an owner is/),
      });
    },
  );

  it.each(['a', '@a', 'A.b-c_d9', '0'])('takes "%s"', (owner) => {
    expect(ownerOf(aNamespace('demo', owner))).toEqual({ owner });
  });
});

describe('ownerConflict', () => {
  it('gives the name to the older namespace', () => {
    const [older, younger] = [aNamespace('team', undefined, 10), aNamespace('other', 'team', 5)];
    expect(ownerConflict(older, [older, younger])).toBeUndefined();
    expect(ownerConflict(younger, [older, younger])).toContain('already belongs to namespace team');
  });

  it('gives it to the lesser name when they are of one second', () => {
    const [a, b] = [aNamespace('a', 'x', 5), aNamespace('b', 'x', 5)];
    expect(ownerConflict(a, [a, b])).toBeUndefined();
    expect(ownerConflict(b, [a, b])).toContain('namespace a');
  });

  it('is none among different owners, and with one that is not valid', () => {
    const mine = aNamespace('demo');
    expect(
      ownerConflict(mine, [mine, aNamespace('other', undefined, 9), aNamespace('broken', 'a/b', 9)]),
    ).toBeUndefined();
  });

  it('tells an owner that is not valid so', () => {
    const mine = aNamespace('demo', 'a/b');
    expect(ownerConflict(mine, [mine])).toContain('an owner is');
  });
});
