import { describe, expect, it } from 'vitest';
import { FROM_VALUES, leftovers, parseObjects, targets } from './objects.ts';

const allowed = targets({ releaseNamespace: 'kopr-system', buildsNamespace: 'kopr-builds' });
const chroot = (name: string, more: object = {}): object => ({
  apiVersion: 'kopr.dev/v1alpha1',
  kind: 'Chroot',
  metadata: { name },
  spec: {},
  ...more,
});
const parse = (...objects: object[]) => parseObjects(JSON.stringify(objects), allowed, 'kopr');

describe('parseObjects', () => {
  it('labels every object with the release whose values it comes from', () => {
    expect(parse(chroot('a'))[0]?.metadata.labels).toEqual({ [FROM_VALUES]: 'kopr' });
  });

  it.each([
    ['a kind that is none of kopr’s', chroot('a', { kind: 'Secret' }), /Secret a is no object that the values/],
    ['a kind that values do not hold', chroot('a', { kind: 'Project' }), /Project a is no object/],
    ['another API version', chroot('a', { apiVersion: 'v1' }), /kopr\.dev\/v1alpha1/],
    [
      'a pool outside of the namespace of builds',
      chroot('a', { kind: 'BuilderPool', metadata: { name: 'a', namespace: 'kube-system' } }),
      /BuilderPool kube-system\/a is no object/,
    ],
    ['a chroot in a namespace', chroot('a', { metadata: { name: 'a', namespace: 'x' } }), /Chroot x\/a is no object/],
    ['labels of its own', chroot('a', { metadata: { name: 'a', labels: {} } }), /labels/],
  ])('refuses %s', (_, object, message) => {
    expect(() => parse(object)).toThrow(message);
  });

  it('refuses the same object twice', () => {
    expect(() => parse(chroot('a'), chroot('a'))).toThrow('the values name Chroot a twice; remove one of the two');
  });
});

describe('leftovers', () => {
  it('are those that the values no longer hold', () => {
    const [a, b] = parse(chroot('a'), chroot('b'));
    if (!a || !b) throw new Error('two objects were parsed');
    expect(leftovers([a, b], [b])).toEqual([a]);
  });
});
