import { describe, expect, it } from 'vitest';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { Job, Pod } from '../../operator/core.ts';
import { aCommandPool } from '../hook/testing/objects.ts';
import { ago, NOW } from '../testing/objects.ts';
import { dueAt } from './liveness.ts';
import { planMachine } from './plan.ts';
import { aJob, aPodOf, aWorld, CLAIMED, TICKET, UP } from './testing/worlds.ts';
import type { MachineStatus, MachineWorld } from './world.ts';

const LIVENESS = { periodSeconds: 300, attempts: 3, timeoutSeconds: 42 };
const SSH_ONLY = aCommandPool({}, { liveness: LIVENESS });
const HOOK = aCommandPool({ livecheck: { command: ['/hooks/alive'], timeoutSeconds: 60 } }, { liveness: LIVENESS });

/** A machine whose liveness Jobs end at once, as `healthy` says. */
async function simulate(pool: BuilderPool, healthy: (probe: number) => boolean, hours: number) {
  const clock = new FakeClock(NOW);
  let status: MachineStatus = { ...UP, startedAt: new Date(NOW).toISOString() };
  let jobs: Job[] = [];
  const probes: { at: number; job: Job }[] = [];
  while (clock.now() < NOW + hours * 3_600_000 && status.phase === 'Ready') {
    const [job] = jobs;
    const facts =
      job === undefined ? {} : { log: { jobUID: job.metadata.uid ?? '', pods: [aPodOf(job, 1)], text: 'gone away' } };
    const plan = planMachine(aWorld({ pool, status, jobs, facts }), clock.now());
    status = plan.status ?? status;
    jobs = jobs.filter(({ metadata }) => plan.keep.includes(metadata.name));
    for (const created of plan.createJobs) {
      const outcome = healthy(probes.length + 1) ? 'succeeds' : 'fails';
      jobs.push({ ...aJob(created.metadata.name.replace('cloud-00000007-', ''), outcome) });
      probes.push({ at: clock.now(), job: created });
    }
    if (plan.createJobs.length === 0 && plan.status === undefined) await clock.advance(plan.requeueAfterMs ?? 60_000);
  }
  return { status, probes };
}

describe('liveness', () => {
  it('is looked at over SSH, or by the hook "livecheck" if the pool has one', async () => {
    const runs = await Promise.all([SSH_ONLY, HOOK].map((pool) => simulate(pool, () => true, 0.2)));
    const [ssh, hook] = runs.map(({ probes }) => probes[0]?.job);
    expect(ssh?.metadata.labels?.['kopr.dev/hook']).toBe('check');
    expect(hook?.metadata.labels?.['kopr.dev/hook']).toBe('livecheck');
    expect([ssh?.spec.activeDeadlineSeconds, hook?.spec.activeDeadlineSeconds]).toEqual([642, 642]);
  });

  it('of a machine that is well is asked for each period, and no more often', async () => {
    const { status, probes } = await simulate(HOOK, () => true, 10);
    expect(status).toMatchObject({ phase: 'Ready', failedChecks: 0 });
    expect(probes.length).toBeGreaterThanOrEqual(109);
    expect(probes.length).toBeLessThanOrEqual(120);
    expect(new Set(probes.map(({ job }) => job.metadata.name)).size).toBe(probes.length);
  });

  it('ends after as many failures in a row as the pool says', async () => {
    const shaky = await simulate(HOOK, (probe) => probe % 3 === 0, 10);
    expect(shaky.status).toMatchObject({ phase: 'Ready' });
    const ill = await simulate(HOOK, (probe) => probe < 5, 10);
    expect(ill.probes).toHaveLength(7);
    expect(ill.status).toMatchObject({ phase: 'Lost', reason: 'MachineLost', failedChecks: 3 });
    expect(ill.status.message).toMatch(/^liveness probe 3 of 3 .*gone away/);
  });

  describe('of a machine whose probe is due', () => {
    const status: MachineStatus = { ...UP, startedAt: ago(331), failedChecks: 2 };
    const suffix = `check-${Math.floor(dueAt(aWorld({ status }), HOOK) / 1000)}`;

    it.each(['fails', 'times out'] as const)('takes nothing for a failure that was never run (%s)', (state) => {
      const job = aJob(suffix, state);
      const facts = { log: { jobUID: job.metadata.uid ?? '', pods: [], text: undefined } };
      const plan = planMachine(aWorld({ pool: HOOK, status, jobs: [job], facts }), NOW);
      expect(plan.status).toMatchObject({ phase: 'Ready', failedChecks: 2, lastCheckAt: ago(0) });
      expect(plan.notes).toMatchObject([{ type: 'Warning', reason: 'ProbeNotRun' }]);
    });

    it('waits for a probe that waits for a place on a node', () => {
      const job = aJob(suffix, 'runs');
      const pod: Pod = { ...aPodOf(job), status: { phase: 'Pending' } };
      const plan = planMachine(aWorld({ pool: HOOK, status, jobs: [job], jobPods: [pod] }), NOW);
      expect(plan).toMatchObject({ keep: [job.metadata.name], createJobs: [], requeueAfterMs: 155_000 });
      expect(plan.status).toBeUndefined();
    });

    it.each([
      [41, undefined],
      [42, 'MachineLost'],
    ])('counts its time limit from the start of its container (%i s)', (seconds, reason) => {
      const job = aJob(suffix, 'runs');
      const pod = aPodOf(job);
      const state = { running: { startedAt: ago(seconds) } };
      pod.status = { containerStatuses: [{ name: 'hook', ready: true, restartCount: 0, state }] };
      const plan = planMachine(aWorld({ pool: HOOK, status, jobs: [job], jobPods: [pod] }), NOW);
      expect(plan.status?.reason).toBe(reason);
      if (reason === undefined) expect(plan.requeueAfterMs).toBe(1_000);
    });
  });

  it('is not asked for when the pool has no means to', async () => {
    const pool = aCommandPool({}, { liveness: LIVENESS });
    delete pool.spec.ssh;
    expect((await simulate(pool, () => true, 1)).probes).toEqual([]);
  });

  it('of a thousand machines that were made together is spread over a tenth of the period', () => {
    const dues = Array.from({ length: 1000 }, (_, index) => {
      const world = aWorld({ status: UP, metadata: { uid: `uid-${index}` } });
      return dueAt(world, SSH_ONLY) - fromTimestamp(UP.startedAt ?? '');
    });
    expect(Math.min(...dues)).toBeGreaterThanOrEqual(300_000);
    expect(Math.max(...dues)).toBeLessThanOrEqual(330_000);
    expect(new Set(dues.map((due) => Math.floor(due / 3_000))).size).toBe(10);
  });

  it('is asked for while the machine works, and does not stand in the way of its session', () => {
    const status: MachineStatus = { ...UP, startedAt: new Date(NOW - 9_000_000).toISOString() };
    const world: MachineWorld = aWorld({ spec: CLAIMED, status, ticket: TICKET });
    const plan = planMachine(world, NOW);
    expect(plan.createDriver).toBe(true);
    expect(plan.createJobs).toHaveLength(1);
    expect(plan.keep).toEqual(plan.createJobs.map(({ metadata }) => metadata.name));
  });
});
