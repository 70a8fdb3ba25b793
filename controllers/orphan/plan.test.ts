import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { Job } from '../../operator/core.ts';
import type { JobOutcome } from '../hook/outcome.ts';
import { aCommandPool, COMMAND } from '../hook/testing/objects.ts';
import { ago, NOW } from '../testing/objects.ts';
import { isListJob, listJob, orphanJob, orphanRunOf } from './jobs.ts';
import { namesOf } from './names.ts';
import type { OrphanWorld } from './plan.ts';
import { MAX_ORPHANS, planOrphans, planOutput } from './plan.ts';

const LIST = { command: ['/hooks/list'], timeoutSeconds: 120 };

function pool(more: { status?: BuilderPool['status']; deleted?: boolean } = {}): BuilderPool {
  const made = aCommandPool({ list: LIST, listPeriodSeconds: 1800, delete: COMMAND.delete });
  if (more.status !== undefined) made.status = more.status;
  if (more.deleted) made.metadata.deletionTimestamp = ago(1);
  return made;
}

function aWorld(more: Partial<OrphanWorld> = {}): OrphanWorld {
  return { pool: pool(), jobs: [], known: new Set(['cloud-1']), knownBefore: () => new Set(['cloud-1']), ...more };
}

function done(job: Job, outcome: JobOutcome, secondsAgo = 5): { job: Job; outcome: JobOutcome } {
  const conditions = [{ type: 'Failed', status: 'True', lastTransitionTime: ago(secondsAgo) } as const];
  const metadata = { ...job.metadata, creationTimestamp: ago(secondsAgo) };
  return { job: { ...job, metadata, status: { conditions } }, outcome };
}

const SUCCEEDED = { state: 'succeeded' } as const;
const FAILED = { state: 'failed', reason: 'Failed', message: 'ended with exit code 1' } as const;
const list = listJob(pool(), NOW);

describe('the list of a pool', () => {
  it('is due a period after the pool was made, then after the last one', () => {
    expect(planOrphans(aWorld(), NOW)).toMatchObject({ create: [], wakeAt: NOW + 1_790_000 });
    const due = pool({ status: { lastListAt: ago(1800) } });
    const [job] = planOrphans(aWorld({ pool: due }), NOW).create;
    expect(job?.metadata.name).toBe(`cloud-list-${NOW / 1000}`);
    expect(job !== undefined && isListJob(job)).toBe(true);
  });

  it('is not run for a pool without the hook, or one that is being deleted', () => {
    const status = { lastListAt: ago(9999) };
    expect(planOrphans(aWorld({ pool: { ...aCommandPool(), status } }), NOW)).toEqual({
      create: [],
      remove: [],
      notes: [],
    });
    expect(planOrphans(aWorld({ pool: pool({ status, deleted: true }) }), NOW).create).toEqual([]);
  });

  it('is waited for', () => {
    const jobs = [{ job: list, outcome: { state: 'running', deadline: NOW + 9_000, message: '' } as const }];
    expect(planOrphans(aWorld({ jobs }), NOW)).toEqual({ create: [], remove: [], notes: [], wakeAt: NOW + 9_000 });
  });

  it('is read when it has succeeded', () => {
    expect(planOrphans(aWorld({ jobs: [{ job: list, outcome: SUCCEEDED }] }), NOW).read).toBe(list);
  });

  it('is run again when an earlier process has begun it', () => {
    const plan = planOrphans(aWorld({ jobs: [{ job: list, outcome: SUCCEEDED }], knownBefore: () => undefined }), NOW);
    expect([plan.read, plan.remove]).toEqual([undefined, [list]]);
  });

  it('is run again five minutes after it has failed', () => {
    const failed = done(list, FAILED, 299);
    expect(planOrphans(aWorld({ jobs: [failed] }), NOW)).toMatchObject({ remove: [], wakeAt: NOW + 1_000 });
    const old = done(list, FAILED, 300);
    expect(planOrphans(aWorld({ jobs: [old] }), NOW).remove).toEqual([old.job]);
  });
});

describe('what a list has printed', () => {
  it('has machines deleted that nobody knew, neither before nor after', () => {
    const world = aWorld({
      known: new Set(['cloud-1', 'made-meanwhile']),
      knownBefore: () => new Set(['cloud-1', 'gone-meanwhile']),
    });
    const plan = planOutput(world, list, 'cloud-1\nmade-meanwhile\ngone-meanwhile\n  lost_One.2\r\n\nlost_One.2\n');
    expect(plan.create.map((job) => orphanRunOf(job)?.machine)).toEqual(['lost_One.2']);
    expect(plan.remove).toEqual([list]);
    expect(plan.notes).toMatchObject([
      { type: 'Warning', reason: 'OrphansFound', message: expect.stringContaining('lost_One.2') },
    ]);
  });

  it('is nothing to act on when there are no orphans', () => {
    expect(planOutput(aWorld(), list, 'cloud-1\n')).toEqual({ create: [], remove: [list], notes: [] });
    expect(planOutput(aWorld(), list, '')).toEqual({ create: [], remove: [list], notes: [] });
  });

  it('is no news of orphans that are being deleted', () => {
    const jobs = [done(orphanJob(pool(), 'lost-1', 2), FAILED)];
    expect(planOutput(aWorld({ jobs }), list, 'lost-1\n').create).toEqual([]);
  });

  it('has a limited number of them deleted at a time', () => {
    const names = Array.from({ length: MAX_ORPHANS + 5 }, (_, index) => `lost-${index}`);
    const plan = planOutput(aWorld(), list, names.join('\n'));
    expect(plan.create).toHaveLength(MAX_ORPHANS);
    expect(new Set(plan.create.map(({ metadata }) => metadata.name)).size).toBe(MAX_ORPHANS);
    expect(plan.notes[0]?.message).toContain(`${MAX_ORPHANS + 5} machines have no Builder`);
  });

  it.each(['-rf', 'a b', '$(reboot)', 'x;y', '../etc', 'ä', 'a'.repeat(201), '.', 'a\u0007b', 'name-'])(
    'is not handed on when it is no name: %j',
    (line) => {
      const plan = planOutput(aWorld(), list, `${line}\nlost-1\n`);
      expect(plan.create.map((job) => orphanRunOf(job)?.machine)).toEqual(['lost-1']);
      expect(plan.notes[0]).toMatchObject({ type: 'Warning', reason: 'OddNames' });
      expect(plan.notes[0]?.message).toMatch(
        /^1 lines of the hook "list" are no names of machines, such as "[\x20-\x7e]*"/,
      );
    },
  );

  it('is read line by line', () => {
    expect(namesOf('a\n\n b \nb\nc d\n')).toEqual({ names: ['a', 'b'], odd: ['c d'] });
  });
});

describe('the deletion of an orphan', () => {
  const first = orphanJob(pool(), 'lost-1', 1);

  it('is the hook "delete" with number 0', async () => {
    await expect(stringify(first)).toMatchFileSnapshot('testdata/orphan-job.yaml');
  });

  it('is told, and its Job goes', () => {
    const plan = planOrphans(aWorld({ jobs: [done(first, SUCCEEDED)] }), NOW);
    expect(plan.remove).toHaveLength(1);
    expect(plan.notes).toMatchObject([
      { type: 'Normal', reason: 'OrphanRemoved', message: expect.stringContaining('lost-1') },
    ]);
  });

  it('is tried again, later each time', () => {
    const early = planOrphans(aWorld({ jobs: [done(first, FAILED, 9)] }), NOW);
    expect(early).toMatchObject({ create: [], remove: [], wakeAt: NOW + 1_000 });
    const [second] = planOrphans(aWorld({ jobs: [done(first, FAILED, 10)] }), NOW).create;
    expect(second && orphanRunOf(second)?.attempt).toBe(2);
    if (second === undefined) return;
    const both = planOrphans(aWorld({ jobs: [done(first, FAILED, 60), done(second, FAILED, 19)] }), NOW);
    expect(both).toMatchObject({
      create: [],
      remove: [{ metadata: { name: first.metadata.name } }],
      wakeAt: NOW + 1_000,
    });
  });

  it('is given up after five attempts, until the next list', () => {
    const last = done(orphanJob(pool(), 'lost-1', 5), FAILED, 999);
    const plan = planOrphans(aWorld({ jobs: [last] }), NOW);
    expect([plan.create, plan.remove]).toEqual([[], [last.job]]);
    expect(plan.notes).toMatchObject([{ type: 'Warning', reason: 'OrphanStays' }]);
  });

  it('is not tried again for a machine that is known by now', () => {
    const plan = planOrphans(aWorld({ jobs: [done(first, FAILED, 60)], known: new Set(['lost-1']) }), NOW);
    expect(plan.create).toEqual([]);
  });

  it('is told from that of a machine', () => {
    const { labels } = first.metadata;
    const ofBuilder = { ...first, metadata: { ...first.metadata, labels: { ...labels, 'kopr.dev/builder-uid': 'u' } } };
    expect(orphanRunOf(ofBuilder)).toBeUndefined();
    expect(orphanRunOf(list)).toBeUndefined();
  });

  it('has a name that a Job can have, whatever the machine is called', () => {
    const { name } = orphanJob(pool(), `Lost_${'x'.repeat(190)}.Y`, 12).metadata;
    expect(name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  });
});
