import { describe, expect, it } from 'vitest';
import { aCommandPool } from '../hook/testing/objects.ts';
import { ago, NOW } from '../testing/objects.ts';
import { LOST_DEADLINE_MS, planMachine, refusedJob } from './plan.ts';
import type { Parts } from './testing/worlds.ts';
import { aDriver, aJob, aWorld, CLAIMED, closed, FREE, logOf, UP } from './testing/worlds.ts';

const RELEASING = {
  ...UP,
  phase: 'Releasing' as const,
  reason: 'Releasing',
  uses: 3,
  releasedAt: ago(10),
  assignedAt: ago(50),
};
const REUSE = { waitSeconds: 600, maxUses: 0, maxSeconds: 0 };
const HOOK = aCommandPool({ release: { command: ['/hooks/release'], timeoutSeconds: 60 } }, { reuse: REUSE });

function plan(parts: Parts = {}) {
  return planMachine(aWorld({ spec: CLAIMED, status: RELEASING, ticket: closed(), ...parts }), NOW);
}

describe('a machine that is released', () => {
  it('is cleaned over SSH, with what is left of its time', () => {
    const { createJobs, keep } = plan();
    expect(createJobs).toMatchObject([
      { metadata: { name: 'cloud-00000007-clean-3' }, spec: { activeDeadlineSeconds: 290 } },
    ]);
    expect(keep).toEqual(['cloud-00000007-clean-3']);
  });

  it('is cleaned by the hook "release" if its pool has one', () => {
    const { createJobs } = plan({ pool: HOOK });
    expect(createJobs).toMatchObject([
      { metadata: { name: 'cloud-00000007-release-3' }, spec: { activeDeadlineSeconds: 60 } },
    ]);
  });

  it.each([
    ['over SSH', undefined, 'clean-3'],
    ['by the hook', HOOK, 'release-3'],
  ])('loses its claim, and no more, when it is clean %s', (_how, pool, suffix) => {
    const facts = logOf(suffix, '');
    const { freeClaim, status } = plan({ ...(pool ? { pool } : {}), jobs: [aJob(suffix, 'succeeds')], facts });
    expect(freeClaim).toBe(true);
    expect(status).toMatchObject({ phase: 'Ready', reason: 'Released', uses: 3, assignedAt: ago(50) });
  });

  it('is Ready when only its claim was taken off before the operator died', () => {
    const { status, freeClaim, createJobs } = plan({ spec: { ...FREE, sandbox: 'demo/hello' } });
    expect(status).toMatchObject({ phase: 'Ready' });
    expect([freeClaim, createJobs]).toEqual([undefined, []]);
  });

  it.each([
    ['is not clean', aJob('clean-3', 'fails'), /"clean" over SSH ended with exit code 1: still mounted/],
    ['is not clean in time', aJob('clean-3', 'times out'), /did not end within 100 s/],
    ['nobody can clean in time', aJob('clean-3', 'hangs'), /did not end within 100 s/],
  ])('is lost when it %s', (_what, job, message) => {
    const { status, freeClaim } = plan({ jobs: [job], facts: logOf('clean-3', 'still mounted', 1) });
    expect(status).toMatchObject({ phase: 'Lost', reason: 'ReleaseFailed', message: expect.stringMatching(message) });
    expect(freeClaim).toBeUndefined();
  });

  it('is lost when its time is over before anything was run', () => {
    expect(plan({ status: { ...RELEASING, releasedAt: ago(300) } }).status).toMatchObject({ phase: 'Lost' });
  });

  it.each([{ waitSeconds: 0 }, { maxUses: 3 }, { maxSeconds: 50 }])(
    'is deleted without being cleaned when it will not be used again (%o)',
    (reuse) => {
      const pool = aCommandPool({}, { reuse: { ...REUSE, ...reuse } });
      expect(plan({ pool })).toEqual({ deleteBuilder: true, keep: [], createJobs: [], notes: [] });
    },
  );

  it('is not cleaned in a pool that has no means to, as in Resalloc', () => {
    const pool = aCommandPool({}, { reuse: REUSE });
    delete pool.spec.ssh;
    expect(plan({ pool })).toMatchObject({ freeClaim: true, status: { phase: 'Ready' } });
  });

  it('is lost without its pool', () => {
    expect(plan({ pool: undefined }).status).toMatchObject({ phase: 'Lost', reason: 'ReleaseFailed' });
  });

  it('has nothing kept but the Job that cleans it', () => {
    const { keep } = plan({ jobs: [aJob('check-5', 'runs'), aJob('clean-2', 'succeeds'), aJob('clean-3', 'runs')] });
    expect(keep).toEqual(['cloud-00000007-clean-3']);
  });
});

describe('a machine that is lost', () => {
  const status = { ...UP, phase: 'Lost' as const, reason: 'MachineLost', endedAt: ago(0) };

  it('is left to the fleet for two minutes, without its pod, then deleted', () => {
    const first = plan({ status, pod: aDriver('runs') });
    expect(first).toMatchObject({ deletePod: true, requeueAfterMs: LOST_DEADLINE_MS, createJobs: [] });
    expect(first.deleteBuilder).toBeUndefined();
    const endedAt = new Date(NOW - LOST_DEADLINE_MS).toISOString();
    expect(plan({ status: { ...status, endedAt } })).toMatchObject({ deleteBuilder: true });
  });
});

describe('a Job that the API server refuses', () => {
  it.each([
    [undefined, 'JobRefused', 'Lost'],
    [{ phase: 'Starting', reason: 'Probing' } as const, 'JobRefused', 'Lost'],
    [RELEASING, 'ReleaseFailed', 'Lost'],
  ])('is the end of a machine in %o', (status, reason, phase) => {
    const world = aWorld(status === undefined ? {} : { status });
    expect(refusedJob(world, 'no', NOW).status).toMatchObject({ phase, reason });
  });

  it('is no reason to give up a machine that is up', () => {
    expect(refusedJob(aWorld({ status: UP }), 'no', NOW)).toMatchObject({ notes: [{ reason: 'JobRefused' }] });
    expect(refusedJob(aWorld({ status: UP }), 'no', NOW)).not.toHaveProperty('status');
  });

  it('keeps a machine that is being deleted', () => {
    const world = aWorld({ status: { ...UP, phase: 'Deleting' }, metadata: { deletionTimestamp: ago(1) } });
    const refused = refusedJob(world, 'no image', NOW);
    expect(refused.status).toMatchObject({ phase: 'Deleting', reason: 'DeleteBlocked' });
    expect(refused.dropFinalizer).toBeUndefined();
  });
});
