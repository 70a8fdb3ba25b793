import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { ListedUpload } from '../../lib/protocol/upload.ts';
import { aBuild, ago, endedAs, NOW } from '../testing/objects.ts';
import { planExpiry } from './plan.ts';

const ID = 'a'.repeat(32);
const MINUTE = 60;
const HOUR = 3600;

function upload(age: number, id = ID): ListedUpload {
  return { id, name: 'hello.spec', size: 1, sha256: 'b'.repeat(64), createdAt: ago(age) };
}

function build(state: 'running' | 'succeeded' | 'failed', id = ID): Build {
  const source = { upload: { id, name: 'hello.spec', size: 1, sha256: 'b'.repeat(64) } };
  return aBuild({ source }, state === 'running' ? { id: 7 } : { id: 7, ...endedAs(state) });
}

describe('planExpiry', () => {
  it.each<[string, number, Build[], boolean]>([
    ['young, named by no Build', 23 * HOUR, [], false],
    ['old, named by no Build', 24 * HOUR, [], true],
    ['old, and other Builds name others', 24 * HOUR, [build('running', 'c'.repeat(32)), aBuild()], true],
    ['old, its Build runs', 1000 * HOUR, [build('running')], false],
    ['old, one of its Builds runs', 1000 * HOUR, [build('failed'), build('running'), build('succeeded')], false],
    ['an hour old, its Build succeeded', HOUR, [build('succeeded')], true],
    ['an hour old, its Build failed', HOUR, [build('failed')], true],
    ['younger than an hour, its Build has ended', 59 * MINUTE, [build('succeeded')], false],
    ['of a clock that runs ahead', -HOUR, [build('succeeded')], false],
  ])('%s', (_what, age, builds, expires) => {
    expect(planExpiry([upload(age)], builds, 24, NOW)).toEqual(expires ? [ID] : []);
  });

  it('looks at each upload by itself', () => {
    const other = 'd'.repeat(32);
    expect(planExpiry([upload(2 * HOUR), upload(2 * HOUR, other)], [build('failed')], 2, NOW)).toEqual([ID, other]);
    expect(planExpiry([upload(2 * HOUR), upload(2 * HOUR, other)], [build('failed')], 3, NOW)).toEqual([ID]);
  });
});
