import { describe, expect, it } from 'vitest';
import { type BatchMember, planBatch } from './batch.ts';

const alone: BatchMember = { id: 1, finished: false };
const ended: BatchMember = { id: 2, finished: true };
const joined: BatchMember = { id: 4, batch: 3, finished: true };
const first: BatchMember = { id: 3, finished: false, afterBatch: 1 };
const lateMember: BatchMember = { id: 6, batch: 5, finished: true };
const endedFirst: BatchMember = { id: 5, finished: true };
const BUILDS = [alone, ended, first, joined, endedFirst, lateMember];
const RECORDED = [...BUILDS, { id: 9, finished: true, batch: 8 }];

function plan(request: { withBuild?: number; afterBuild?: number }) {
  return planBatch(request, {
    find: (id) => RECORDED.find((build) => build.id === id),
    members: (batch) => BUILDS.filter((build) => (build.batch ?? build.id) === batch),
    isWaitedFor: (batch) => BUILDS.some((build) => build.afterBatch === batch),
  });
}

describe('a batch', () => {
  it.each([
    ['nothing', {}, { spec: {}, rightsIn: undefined }],
    ['a build alone is joined', { withBuild: 1 }, { spec: { batch: 1 }, rightsIn: [1] }],
    [
      'a member leads to the batch and what that waits for',
      { withBuild: 3 },
      { spec: { batch: 3, afterBatch: 1 }, rightsIn: [3, 4] },
    ],
    ['an ended member of a batch that goes on', { withBuild: 4 }, { spec: { batch: 3 }, rightsIn: [3, 4] }],
    ['anybody waits for a batch that is there', { afterBuild: 4 }, { spec: { afterBatch: 3 }, rightsIn: undefined }],
    ['a batch that others wait for is there', { afterBuild: 1 }, { spec: { afterBatch: 1 }, rightsIn: undefined }],
    ['a batch that has ended is there', { afterBuild: 5 }, { spec: { afterBatch: 5 }, rightsIn: undefined }],
    ['one that is only recorded is there', { afterBuild: 9 }, { spec: { afterBatch: 8 }, rightsIn: undefined }],
  ])('%s', (_what, request, expected) => {
    expect(plan(request)).toEqual(expected);
  });

  it.each([
    [{ withBuild: 1, afterBuild: 3 }, 'with_build_id', /cannot be combined/],
    [{ withBuild: 7 }, 'with_build_id', /Build 7 does not exist/],
    [{ afterBuild: 7 }, 'after_build_id', /Build 7 does not exist/],
    [{ withBuild: 2 }, 'with_build_id', /has ended/],
    [{ withBuild: 5 }, 'with_build_id', /has ended/],
    [{ withBuild: 9 }, 'with_build_id', /has ended/],
    [{ afterBuild: 2 }, 'after_build_id', /nothing to wait for/],
  ])('%j is refused', (request, field, message) => {
    expect(plan(request)).toEqual({ field, message: expect.stringMatching(message) });
  });

  it('of a build that nobody waits for yet is made with the rights in its project only', () => {
    const lone = { id: 10, finished: false };
    const batches = { find: () => lone, members: () => [lone], isWaitedFor: () => false };
    expect(planBatch({ afterBuild: 10 }, batches)).toEqual({ spec: { afterBatch: 10 }, rightsIn: [10] });
  });
});
