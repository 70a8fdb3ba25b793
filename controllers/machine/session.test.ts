import { describe, expect, it } from 'vitest';
import { aCommandPool } from '../hook/testing/objects.ts';
import { aBinaryStage, ago, NOW } from '../testing/objects.ts';
import { needsProof, planMachine } from './plan.ts';
import type { Parts } from './testing/worlds.ts';
import {
  aDriver,
  aJob,
  aSession,
  aWorld,
  CLAIMED,
  closed,
  FREE,
  inSeconds,
  LENT,
  logOf,
  UP,
} from './testing/worlds.ts';

const RUNNING = { ...UP, phase: 'Running' as const, reason: 'Claimed', message: 'm', assignedAt: ago(50), uses: 2 };

function plan(parts: Parts) {
  return planMachine(aWorld({ spec: CLAIMED, status: { ...RUNNING, session: aSession() }, ...parts }), NOW);
}

describe('a machine that is claimed for a stage', () => {
  it('gets the pod that drives it, and says since when it belongs to its sandbox', () => {
    const { createDriver, status } = plan({ status: UP });
    expect(createDriver).toBe(true);
    expect(status).toMatchObject({
      phase: 'Running',
      assignedAt: ago(0),
      session: { ticket: 'uid-t', phase: 'Starting' },
    });
  });

  it('keeps the time of its first use', () => {
    expect(plan({ status: { ...UP, assignedAt: ago(50) } }).status?.assignedAt).toBe(ago(50));
  });

  it('takes no notice of its session before this ticket', () => {
    const { createDriver, status } = plan({
      status: { ...UP, session: aSession({ ticket: 'old', phase: 'Ended', endedAt: ago(9) }) },
    });
    expect(createDriver).toBe(true);
    expect(status?.session).not.toHaveProperty('endedAt');
  });

  it.each([
    ['starts', aDriver('starts'), { phase: 'Starting' }],
    ['runs', aDriver('runs'), { phase: 'Running', startedAt: ago(2), node: 'n1' }],
    ['has ended', aDriver({ exitCode: 0 }), { phase: 'Ended', endedAt: ago(0) }],
    ['has failed', aDriver({ exitCode: 1 }), { phase: 'Lost', reason: 'BuilderFailed' }],
    ['has lost the machine', aDriver({ exitCode: 21 }), { phase: 'Lost', reason: 'MachineLost' }],
    ['was shown another host key', aDriver({ exitCode: 22 }), { phase: 'Lost', reason: 'HostKeyRefused' }],
    ['is being deleted', aDriver('runs', { deletionTimestamp: ago(1) }), { phase: 'Lost', reason: 'PodVanished' }],
  ])('follows its pod, which %s', (_what, pod, session) => {
    const { status, createDriver } = plan({ pod });
    const gone = ['MachineLost', 'HostKeyRefused'].includes(status?.session?.reason ?? '');
    expect(status).toMatchObject({ phase: gone ? 'Lost' : 'Running', session: { ticket: 'uid-t', ...session } });
    expect(createDriver).toBeUndefined();
  });

  it('never makes a second pod for a session', () => {
    const { createDriver, status } = plan({});
    expect(createDriver).toBeUndefined();
    expect(status?.session).toMatchObject({ phase: 'Lost', reason: 'PodVanished' });
  });

  it('gives up a pod that does not start in time', () => {
    const { status, deletePod } = plan({ pod: aDriver('starts', { creationTimestamp: ago(601) }) });
    expect(deletePod).toBe(true);
    expect(status?.session).toMatchObject({ phase: 'Lost', reason: 'StartTimeout' });
  });

  it.each(['MachineLost', 'HostKeyRefused'])('is lost with a session that ended with %s', (reason) => {
    const session = aSession({ phase: 'Lost', reason, message: 'gone', endedAt: ago(1) });
    const { status } = plan({ status: { ...RUNNING, session } });
    expect(status).toMatchObject({ phase: 'Lost', reason, session });
  });

  it.each([
    { phase: 'Ended', reason: 'Ended' },
    { phase: 'Lost', reason: 'BuilderFailed' },
  ] as const)('waits for its ticket to be closed after $phase', (how) => {
    const waits = plan({ status: { ...RUNNING, session: aSession({ ...how, endedAt: ago(1) }) } });
    expect(waits).toMatchObject({ createJobs: [], notes: [] });
    expect(waits).not.toHaveProperty('status');
  });

  it('waits for its stage to be seen: the ticket of one that is gone goes with it', () => {
    const waits = plan({ status: UP, stage: { chrootBuild: undefined } });
    expect(waits).toMatchObject({ createJobs: [], requeueAfterMs: 5_000 });
    expect([waits.status, waits.createDriver]).toEqual([undefined, undefined]);
  });

  it('is not driven when its chroot is gone', () => {
    const { status, createDriver } = plan({ status: UP, stage: { chroot: undefined } });
    expect(createDriver).toBeUndefined();
    expect(status?.session).toMatchObject({ phase: 'Lost', reason: 'PodRefused' });
  });

  it('is lost when its pool cannot reach it any more', () => {
    const pool = aCommandPool();
    delete pool.spec.ssh;
    expect(plan({ status: UP, pool }).status).toMatchObject({
      phase: 'Lost',
      session: { phase: 'Lost', reason: 'MachineLost' },
    });
  });

  it('is lost when somebody takes its claim off', () => {
    expect(plan({ spec: FREE }).status).toMatchObject({ phase: 'Lost', reason: 'ClaimVanished' });
  });
});

describe('a machine that is lent to a client of Resalloc', () => {
  it('has no pod, and runs until its ticket is closed', () => {
    const lent = plan({ spec: LENT, status: UP });
    expect(lent.status).toMatchObject({ phase: 'Running', reason: 'Lent', assignedAt: ago(0) });
    expect(lent.createDriver).toBeUndefined();
    const over = plan({ spec: LENT, status: RUNNING, ticket: closed() });
    expect(over.status).toMatchObject({ phase: 'Releasing', uses: 3, releasedAt: ago(0) });
  });
});

describe('a machine whose ticket is closed', () => {
  it.each([
    ['closed', closed()],
    ['gone', undefined],
  ])('has its pod deleted first (ticket %s)', (_how, ticket) => {
    const first = plan({ ticket, pod: aDriver('runs') });
    expect(first).toMatchObject({ deletePod: true });
    expect(first).not.toHaveProperty('status');
  });

  it('waits until its pod is gone', () => {
    const waits = plan({ ticket: closed(), pod: aDriver('runs', { deletionTimestamp: ago(599) }) });
    expect(waits).toMatchObject({ requeueAfterMs: 1_000 });
    expect(waits.status).toBeUndefined();
  });

  it('is given up when its pod does not go', () => {
    const { status } = plan({ ticket: closed(), pod: aDriver('runs', { deletionTimestamp: ago(600) }) });
    expect(status).toMatchObject({ phase: 'Lost', reason: 'ReleaseFailed' });
  });

  it('counts the use once, and ends its session', () => {
    const { status, deleteSecrets } = plan({ ticket: closed() });
    expect(deleteSecrets).toBe(true);
    expect(status).toMatchObject({
      phase: 'Releasing',
      uses: 3,
      releasedAt: ago(0),
      session: { phase: 'Ended', reason: 'Released', endedAt: ago(0) },
    });
  });

  it('leaves as it is what became of its session', () => {
    const session = aSession({ phase: 'Lost', reason: 'Evicted', endedAt: ago(30) });
    expect(plan({ ticket: closed(), status: { ...RUNNING, session } }).status?.session).toEqual(session);
  });

  describe('and whose stage was deleted', () => {
    const deleted = aBinaryStage('pebble-13-x86_64');
    deleted.metadata.deletionTimestamp = ago(1);
    const parts: Parts = { ticket: undefined, stage: { chrootBuild: deleted } };

    it('has the publisher refuse its token', () => {
      expect(plan({ ...parts, pod: aDriver('runs') })).toMatchObject({ forget: true, deletePod: true });
      expect(plan({ ...parts, facts: { forgotten: true } }).status).toMatchObject({ phase: 'Releasing' });
    });

    it('waits ten minutes for that', () => {
      const first = plan({ ...parts, facts: { forgotten: false } });
      expect(first).toMatchObject({
        requeueAfterMs: 5_000,
        status: { session: { reason: 'BuildDeleted', endedAt: ago(0) } },
      });
      const session = aSession({ phase: 'Ended', reason: 'BuildDeleted', endedAt: ago(600) });
      const last = plan({ ...parts, facts: { forgotten: false }, status: { ...RUNNING, session } });
      expect(last.status).toMatchObject({ phase: 'Releasing' });
    });
  });
});

describe('liveness while it works', () => {
  it('takes the session along when the machine is lost', () => {
    const status = { ...RUNNING, startedAt: ago(9_000), failedChecks: 2, lastCheckAt: ago(331), session: aSession() };
    const due = Math.floor((NOW - 331_000 + 300_000) / 1000);
    const jobs = Array.from({ length: 31 }, (_, offset) => aJob(`check-${due + offset}`, 'fails'));
    const world = aWorld({ spec: CLAIMED, status, jobs, pod: aDriver('runs') });
    const { read } = planMachine(world, NOW);
    if (read === undefined) throw new Error('nothing was read');
    const facts = logOf(read.metadata.name.replace('cloud-00000007-', ''), 'no answer\n', 1);
    expect(planMachine({ ...world, facts }, NOW).status).toMatchObject({
      phase: 'Lost',
      reason: 'MachineLost',
      failedChecks: 3,
      session: { phase: 'Lost', reason: 'MachineLost', pod: expect.stringMatching(/^builder-/), endedAt: inSeconds(0) },
    });
  });
});

describe('proof', () => {
  it('is needed before a ticket, a pod or the Job of "new" is taken for gone', () => {
    const claimed = { spec: CLAIMED, status: RUNNING };
    const making = { status: { phase: 'Starting' as const, reason: 'Making' } };
    expect(needsProof(aWorld(claimed))).toEqual({ ticket: false, newJob: false, pod: true });
    expect(needsProof(aWorld({ ...claimed, ticket: undefined }))).toMatchObject({ ticket: true });
    expect(needsProof(aWorld(making))).toEqual({ ticket: false, newJob: true, pod: false });
    expect(needsProof(aWorld({ status: UP }))).toEqual({ ticket: false, newJob: false, pod: false });
  });
});
