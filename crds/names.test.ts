import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelNumber, numberOf, objectNameFor } from './names.ts';

describe('objectNameFor', () => {
  it.each([
    ['hello', 'hello'],
    ['python3.13', 'python3.13'],
  ])('keeps %s, which an object can have', (name, expected) => {
    expect(objectNameFor(name)).toBe(expected);
  });

  it.each(['My_Project', 'libstdc++', '_x', '...', 'a..b', 'a.-b', 'a-.b', `${'a'.repeat(100)}`])(
    'makes one of %s',
    (name) => {
      expect(objectNameFor(name)).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?-[0-9a-f]{10}$/);
      expect(objectNameFor(name).length).toBeLessThanOrEqual(63);
    },
  );

  it('gives two names two objects', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_.+-]{1,100}$/);
    fc.assert(
      fc.property(name, name, (a, b) => {
        fc.pre(a !== b);
        expect(objectNameFor(a)).not.toBe(objectNameFor(b));
      }),
    );
  });
});

describe('the number of an object', () => {
  it.each([
    ['42', 42],
    ['0', undefined],
    ['042', undefined],
    ['1e3', undefined],
    ['-1', undefined],
    ['9999999999999999', undefined],
  ])('is in the label %s: %s', (label, expected) => {
    expect(labelNumber({ metadata: { labels: { 'kopr.dev/id': label } } })).toBe(expected);
  });

  it('is what the operator says, when it has said so', () => {
    expect(numberOf({ metadata: { labels: { 'kopr.dev/id': '7' } }, status: { id: 9 } })).toBe(9);
  });
});
