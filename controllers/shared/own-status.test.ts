import { expect, test } from 'vitest';
import { aBuild } from '../testing/objects.ts';
import { isOwnStatus } from './own-status.ts';

const build = aBuild();
const told = { ...build, status: { ...build.status, state: 'running' as const } };
const id = (object: typeof build): unknown => object.status?.id;

test('a status that was told leads to nothing', () => {
  expect(isOwnStatus(build, told, id)).toBe(true);
});

test.each([
  ['it is new', undefined, build],
  ['it is gone', build, undefined],
  ['its spec has changed', build, { ...told, metadata: { ...told.metadata, generation: 99 } }],
  [
    'it is being deleted',
    build,
    { ...told, metadata: { ...told.metadata, deletionTimestamp: '2026-11-29T00:00:00Z' } },
  ],
  ['it has a label', build, { ...told, metadata: { ...told.metadata, labels: { a: 'b' } } }],
  ['another has taken its name', build, { ...told, metadata: { ...told.metadata, uid: 'another' } }],
  ['what is decisive has changed', build, { ...told, status: { ...told.status, id: 4711 } }],
])('more follows when %s', (_why, old, now) => {
  expect(isOwnStatus(old, now, id)).toBe(false);
});
