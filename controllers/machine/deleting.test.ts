import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { aCommandPool, aHostsPool } from '../hook/testing/objects.ts';
import { pauseAfter } from '../shared/pause.ts';
import { ago, NOW } from '../testing/objects.ts';
import { planMachine } from './plan.ts';
import type { Parts } from './testing/worlds.ts';
import { aDriver, aJob, aPodOf, aSession, aWorld, CLAIMED, logOf, UP } from './testing/worlds.ts';
import type { MachineStatus } from './world.ts';

const DELETED = { deletionTimestamp: ago(20) };
const DELETING: MachineStatus = { ...UP, phase: 'Deleting', reason: 'Deleting', message: 'm', endedAt: ago(20) };

function plan(parts: Parts = {}) {
  return planMachine(aWorld({ metadata: DELETED, status: DELETING, ...parts }), NOW);
}

describe('a machine that is being deleted', () => {
  const LIVES: [string, MachineStatus | undefined][] = [
    ['was never begun', undefined],
    ['is being made', { phase: 'Starting', reason: 'Making' }],
    ['is free', UP],
    ['is being released', { ...UP, phase: 'Releasing' }],
    ['is lost', { ...UP, phase: 'Lost', reason: 'NewFailed', message: 'quota', endedAt: ago(5) }],
  ];

  it.each(LIVES)('says so first, though it %s', (_what, status) => {
    const first = plan(status === undefined ? { status: {} } : { status });
    expect(first.status).toMatchObject({ phase: 'Deleting' });
    expect([first.createJobs, first.dropFinalizer, first.keep]).toEqual([[], undefined, []]);
  });

  it('keeps why it was lost, for those who count failed starts', () => {
    const lost: MachineStatus = { phase: 'Lost', reason: 'NewFailed', message: 'quota', endedAt: ago(5) };
    expect(plan({ status: lost }).status).toMatchObject({ reason: 'NewFailed', message: 'quota', endedAt: ago(5) });
  });

  it('takes the session along', () => {
    const status = { ...UP, phase: 'Running' as const, session: aSession() };
    const first = plan({ spec: CLAIMED, status, pod: aDriver('runs') });
    expect(first).toMatchObject({ deletePod: true, status: { session: { phase: 'Lost', reason: 'MachineLost' } } });
  });

  it('waits for the Job of "new" and its pod to be gone: what they make must not come later', () => {
    const job = aJob('new', 'runs');
    expect(plan({ jobs: [job] })).toMatchObject({
      keep: ['cloud-00000007-delete-0', expect.anything()],
      createJobs: [],
    });
    const pod = aPodOf(job, undefined, { deletionTimestamp: ago(100) });
    expect(plan({ jobPods: [pod] }).createJobs).toEqual([]);
    const dead = aPodOf(job, undefined, { deletionTimestamp: ago(601) });
    expect(plan({ jobPods: [dead] }).createJobs).toHaveLength(1);
  });

  it('waits for the pod that drives it', () => {
    expect(plan({ pod: aDriver('runs') })).toMatchObject({ deletePod: true, createJobs: [] });
    expect(plan({ pod: aDriver('runs', { deletionTimestamp: ago(5) }) })).toMatchObject({
      deletePod: false,
      createJobs: [],
    });
  });

  it('has the hook "delete" run, within the time of its pool', () => {
    const pool = aCommandPool({}, { deleteTimeoutSeconds: 77 });
    const { createJobs, keep } = plan({ pool });
    expect(createJobs).toMatchObject([
      { metadata: { name: 'cloud-00000007-delete-0' }, spec: { activeDeadlineSeconds: 77 } },
    ]);
    expect(keep).toContain('cloud-00000007-delete-0');
  });

  it('tells the hook what "new" has printed, and runs it also when that was nothing', () => {
    const told = (status: MachineStatus) => JSON.stringify(plan({ status }).createJobs);
    expect(told(DELETING)).toContain('{"name":"RESALLOC_RESOURCE_DATA","value":"MTAuMC4wLjcK"}');
    expect(told({ phase: 'Deleting' })).toContain('{"name":"RESALLOC_RESOURCE_DATA","value":""}');
  });

  it('goes when the hook has succeeded, whether or not its log can be read', () => {
    for (const text of ['', undefined]) {
      const { dropFinalizer } = plan({ jobs: [aJob('delete-0', 'succeeds')], facts: logOf('delete-0', text) });
      expect(dropFinalizer).toBe(true);
    }
  });

  it.each(['fails', 'times out', 'hangs'] as const)('stays when the hook %s, says why, and counts', (state) => {
    const failed = plan({ jobs: [aJob('delete-0', state)], facts: logOf('delete-0', 'API is down', 1) });
    expect(failed.dropFinalizer).toBeUndefined();
    expect(failed.status).toMatchObject({
      phase: 'Deleting',
      reason: 'DeleteFailed',
      deleteAttempts: 1,
      conditions: [{ type: 'Deleted', status: 'False', reason: 'DeleteFailed' }],
    });
    expect(failed.status?.message).toMatch(
      /^attempt 1 to delete it failed: the hook "delete" .*API is down; it is tried again$/,
    );
    expect(failed.notes).toMatchObject([{ type: 'Warning', reason: 'DeleteFailed' }]);
  });

  it('pauses for longer after each failure, five minutes at most', () => {
    expect([1, 2, 3, 5, 6, 100].map(pauseAfter)).toEqual([10_000, 20_000, 40_000, 160_000, 300_000, 300_000]);
    const status = { ...DELETING, deleteAttempts: 2 };
    const early = plan({ status, jobs: [aJob('delete-1', 'fails', 19)] });
    expect(early).toMatchObject({ createJobs: [], requeueAfterMs: 1_000 });
    const due = plan({ status, jobs: [aJob('delete-1', 'fails', 20)] });
    expect(due.createJobs).toMatchObject([{ metadata: { name: 'cloud-00000007-delete-2' } }]);
    expect(plan({ status }).createJobs).toHaveLength(1);
  });

  it('is never given up, as long as the hook fails', async () => {
    const clock = new FakeClock(NOW);
    let status: MachineStatus = DELETING;
    let jobs: ReturnType<typeof aJob>[] = [];
    const starts: number[] = [];
    for (let step = 0; step < 200 && starts.length < 30; step++) {
      const attempt = status.deleteAttempts ?? 0;
      const read = jobs.find(({ metadata }) => metadata.name.endsWith(`-delete-${attempt}`));
      const facts = read === undefined ? {} : { log: { jobUID: read.metadata.uid ?? '', pods: [], text: 'no' } };
      const next = planMachine(aWorld({ metadata: DELETED, status, jobs, facts }), clock.now());
      expect(next.dropFinalizer).toBeUndefined();
      status = next.status ?? status;
      jobs = jobs.filter(({ metadata }) => next.keep.includes(metadata.name));
      for (const { metadata } of next.createJobs) {
        starts.push(clock.now());
        const failed = aJob(metadata.name.replace('cloud-00000007-', ''), 'fails', (NOW - clock.now()) / 1000);
        jobs.push(failed);
      }
      if (next.createJobs.length === 0 && read === undefined) await clock.advance(next.requeueAfterMs ?? 1_000);
    }
    expect(starts).toHaveLength(30);
    const pauses = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    expect(pauses.slice(0, 4)).toEqual([10_000, 20_000, 40_000, 80_000]);
    expect(Math.max(...pauses)).toBe(300_000);
    expect(new Set(jobs.map(({ metadata }) => metadata.name)).size).toBeLessThanOrEqual(2);
  });

  it.each([
    ['its pool is gone', undefined, /BuilderPool cloud is not there any more/],
    ['its pool has no hooks any more', aHostsPool(), /has no hook "delete"/],
  ])('stays, and says what is missing, when %s', (_what, pool, message) => {
    const blocked = plan({ pool });
    expect(blocked.dropFinalizer).toBeUndefined();
    expect(blocked.status?.conditions).toMatchObject([{ type: 'Deleted', status: 'False', reason: 'DeleteBlocked' }]);
    expect(blocked.status?.message).toMatch(message);
    expect(blocked.status?.message).toMatch(/until it is put back/);
  });

  it('needs nothing when its finalizer is gone already', () => {
    const others = ['foregroundDeletion'];
    expect(plan({ metadata: { ...DELETED, finalizers: others } })).toEqual({ keep: [], createJobs: [], notes: [] });
  });
});

describe('a machine of an inventory that is let go', () => {
  const spec = { pool: 'rack', machine: { index: 0, host: 'm1', slot: 1 } };
  const pool = aHostsPool();

  it('is cleaned, and deleted by no hook', () => {
    const { createJobs } = plan({ spec, pool });
    expect(createJobs).toMatchObject([
      { metadata: { name: 'cloud-00000007-delete-0', labels: { 'kopr.dev/hook': 'clean' } } },
    ]);
  });

  it('goes at once when it was never found', () => {
    expect(plan({ spec, pool, status: { phase: 'Deleting' } })).toMatchObject({ dropFinalizer: true });
  });

  it('is asked to be clean for ever while it is in the inventory, five times when it is not', () => {
    const status = { ...DELETING, deleteAttempts: 4 };
    const parts = { spec, status, jobs: [aJob('delete-4', 'fails')], facts: logOf('delete-4', 'no route', 21) };
    expect(plan({ ...parts, pool }).dropFinalizer).toBeUndefined();
    const other = { name: 'm2', address: 'm2.example', port: 22, slots: 1 };
    const gone = aHostsPool({ hosts: { machines: [other] } });
    expect(plan({ ...parts, pool: gone }).dropFinalizer).toBe(true);
  });
});
