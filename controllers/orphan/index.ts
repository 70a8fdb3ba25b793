/**
 * Machines that nobody knows: a start that was cut short, a Builder that was deleted by force, a cloud that came back.
 *
 *   pool with the hook "list" ── every listPeriodSeconds ──▶ run it as a Job
 *   it printed names that no Builder had, neither before nor after ──▶ run the hook "delete" for each, as Jobs
 *   deleted ──▶ told in an event
 *   failed ──▶ again after 10 s, 20 s, 40 s …, five times; the next list finds it again
 *
 * Jobs are the memory: whatever stops, the next process finds them. A list that another process has begun is run
 * again, for nobody knows which machines there were then.
 */
import { Builders } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Job } from '../../operator/core.ts';
import { Jobs, Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { jobLog } from '../hook/log.ts';
import { LABELS } from '../hook/names.ts';
import { jobOfPod, jobOutcome, podsOf } from '../hook/outcome.ts';
import { lastWords, outputOf } from '../hook/output.ts';
import { hookRbac } from '../hook/rbac.ts';
import { announce } from '../shared/announce.ts';
import { createOnce } from '../shared/create.ts';
import { fieldManager, labelValue } from '../shared/names.ts';
import { warning } from '../shared/notes.ts';
import { applyPoolStatus } from '../shared/pool-status.ts';
import { isListJob, orphanRunOf } from './jobs.ts';
import type { OrphanPlan, OrphanWorld } from './plan.ts';
import { planOrphans, planOutput } from './plan.ts';

export const orphanRbac: RbacRule[] = [
  ...hookRbac,
  { group: 'kopr.dev', resources: ['builderpools', 'builders'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools/status'], verbs: ['patch'], scope: 'builds' },
];

const MANAGER = fieldManager('orphan');
/** Indexes of the caches. */
const POOL = 'orphan-pool';
const JOB = 'orphan-job';

export interface OrphanOptions {
  buildsNamespace: string;
}

export function addOrphanController(manager: Manager, { buildsNamespace }: OrphanOptions): void {
  const pools = manager.store(BuilderPools);
  const builders = manager.store(Builders);
  const jobs = manager.store(Jobs);
  const pods = manager.store(Pods);
  manager.addIndex(Jobs, POOL, (job) => (isOurs(job) ? [job.metadata.labels?.[LABELS.pool] ?? ''] : []));
  manager.addIndex(Pods, JOB, jobOfPod);
  manager.addIndex(BuilderPools, POOL, ({ metadata }) => [labelValue(metadata.name)]);
  /** Names of all Builders when a list was begun, by its uid. */
  const before = new Map<string, ReadonlySet<string>>();
  /** Uids of lists of which it was told that they failed. */
  const told = new Set<string>();

  function known(): Set<string> {
    return new Set(builders.list(buildsNamespace).map(({ metadata }) => metadata.name));
  }

  function observe(pool: BuilderPool, now: number): OrphanWorld {
    const own = jobs.byIndex(POOL, labelValue(pool.metadata.name));
    const uids = new Map(own.map(({ metadata }) => [metadata.name, metadata.uid ?? '']));
    return {
      pool,
      jobs: own
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map((job) => ({ job, outcome: jobOutcome(job, podsOf(job, pods.byIndex(JOB, keyOf(job))), now) })),
      known: known(),
      knownBefore: (name) => before.get(uids.get(name) ?? ''),
    };
  }

  async function create(job: Job): Promise<void> {
    if (!isListJob(job)) {
      await createOnce(manager.client, Jobs, job);
      return;
    }
    const names = known();
    const made = await manager.client.create(Jobs, job);
    before.set(made.metadata.uid ?? '', names);
  }

  async function remove(job: Job): Promise<void> {
    await manager.client.delete(Jobs, keyOf(job), { uid: job.metadata.uid ?? '' });
    before.delete(job.metadata.uid ?? '');
    told.delete(job.metadata.uid ?? '');
  }

  /** What a list that has succeeded calls for. */
  async function read(world: OrphanWorld, list: Job, ctx: ReconcileContext): Promise<OrphanPlan> {
    const log = await jobLog(manager.client, podsOf(list, pods.byIndex(JOB, keyOf(list))), ctx.signal);
    const output = log === undefined ? undefined : outputOf(log);
    if (output === undefined) {
      const why = 'the output of the hook "list" cannot be read: its pod is gone, or it is longer than 64 KiB';
      return { create: [], remove: [list], notes: [warning('ListUnread', why)] };
    }
    return planOutput({ ...world, known: known() }, list, output);
  }

  async function carryOut(pool: BuilderPool, plan: OrphanPlan, ctx: ReconcileContext): Promise<void> {
    for (const job of plan.create) await create(job);
    for (const job of plan.remove) await remove(job);
    announce({ log: ctx.log, events: manager.events }, pool, 'orphans looked for', plan.notes);
  }

  async function sayWhyListFailed(world: OrphanWorld, ctx: ReconcileContext): Promise<void> {
    for (const { job, outcome } of world.jobs) {
      const { uid = '' } = job.metadata;
      if (!isListJob(job) || outcome.state !== 'failed' || told.has(uid)) continue;
      const log = await jobLog(manager.client, podsOf(job, pods.byIndex(JOB, keyOf(job))), ctx.signal);
      const said = lastWords(log ?? '');
      const message = `the hook "list" ${outcome.message}${said === '' ? '' : `: ${said}`}`;
      announce({ log: ctx.log, events: manager.events }, world.pool, 'list failed', [warning('ListFailed', message)]);
      told.add(uid);
    }
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const pool = pools.get(key);
    if (pool?.spec.command === undefined) return undefined;
    const now = ctx.clock.now();
    const world = observe(pool, now);
    const plan = planOrphans(world, now);
    await sayWhyListFailed(world, ctx);
    await carryOut(pool, plan, ctx);
    if (plan.read !== undefined) {
      const next = await read(world, plan.read, ctx);
      for (const job of next.create) await create(job);
      await applyPoolStatus(manager, pool, { lastListAt: toTimestamp(now) }, MANAGER);
      await carryOut(pool, { ...next, create: [] }, ctx);
    }
    if (plan.wakeAt === undefined) return undefined;
    return { requeueAfterMs: Math.max(1_000, plan.wakeAt - now), reason: 'NextList' };
  }

  manager.addController({
    name: 'orphan',
    for: BuilderPools,
    forPredicate: (old, now) =>
      old?.metadata.generation !== now?.metadata.generation ||
      old?.metadata.deletionTimestamp !== now?.metadata.deletionTimestamp ||
      old?.status?.lastListAt !== now?.status?.lastListAt,
    watches: [
      watching({
        type: Jobs,
        map: (job) => (isOurs(job) ? pools.byIndex(POOL, job.metadata.labels?.[LABELS.pool] ?? '').map(keyOf) : []),
      }),
    ],
    workers: 2,
    reconcile,
    rbac: orphanRbac,
  });
}

function isOurs(job: Job): boolean {
  return isListJob(job) || orphanRunOf(job) !== undefined;
}
