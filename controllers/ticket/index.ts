/**
 * The scheduler: gives waiting tickets their builders.
 *
 *   any change of tickets, builders, pools, quotas, projects ──▶ one cycle over a snapshot:
 *   waiting  ── place for a pod, quota not exceeded, its turn ──▶ make the Builder ──▶ Assigned
 *   waiting  ── machine free, likewise ──▶ claim the Builder ──▶ Assigned
 *   waiting  ── otherwise ──▶ waiting, with the reason and the place in the queue (outlook.ts)
 *   assigned ── lent to a client of Resalloc, and its machine is gone ──▶ Failed
 *   closed   ──▶ Closed (closed.ts)
 *
 * The Builder is made or claimed before the ticket is told: a crash in between is repaired by the next cycle, which
 * finds the Builder by the ticket's uid. One key, hence one cycle at a time; the snapshot includes this process's own
 * writes, and a machine is claimed as it was seen or not at all.
 */
import type { Builder } from '../../crds/builder.ts';
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { BuildQuotas } from '../../crds/buildquota.ts';
import { Projects } from '../../crds/project.ts';
import type { ReconcileContext, ReconcileResult, Watch } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import { Namespaces } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { inParallel } from '../shared/parallel.ts';
import { createAssigner } from './assign.ts';
import { createCatchUp } from './catchup.ts';
import { addClosedTickets } from './closed.ts';
import { decide } from './decide.ts';
import type { SchedulerMetrics } from './metrics.ts';
import { createObserver, SUSPENDED } from './observe.ts';
import { createOutlook } from './outlook.ts';

export const ticketRbac: RbacRule[] = [
  {
    group: 'kopr.dev',
    resources: ['buildertickets', 'projects', 'buildquotas'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
  { group: 'kopr.dev', resources: ['buildertickets/status'], verbs: ['patch'], scope: 'cluster' },
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builders'], verbs: ['get', 'list', 'watch', 'create', 'patch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
];

const KEY = 'all';
/** Writes under way at once. */
const PARALLEL = 8;
/** Assignments that one cycle carries out, so that whatever comes meanwhile is decided on soon. */
const ASSIGNED_PER_CYCLE = 100;
/** A machine that was not as the cache shows it: the cache will show it in a moment, and if not, looking costs a write. */
const TAKEN_MS = 50;
const TAKEN_LONGEST_MS = 5_000;
const BEHIND_MS = 1_000;
const REFUSED_MS = 30_000;
/** Should a change ever go unnoticed, nobody waits longer than this. */
const LATEST_MS = 60_000;

export interface TicketOptions {
  buildsNamespace: string;
  releaseNamespace: string;
  metrics: SchedulerMetrics;
}

export function addTicketController(manager: Manager, options: TicketOptions): void {
  const { metrics } = options;
  manager.addIndex(Projects, SUSPENDED, (project) => [String(project.spec.suspend)]);
  const observe = createObserver(
    {
      tickets: manager.store(BuilderTickets),
      projects: manager.store(Projects),
      builders: manager.store(Builders),
      pools: manager.store(BuilderPools),
      quotas: manager.store(BuildQuotas),
      namespaces: manager.store(Namespaces),
    },
    options,
  );
  const assigner = createAssigner(manager, options);
  const catchUp = createCatchUp(manager, options.buildsNamespace);
  let takenInARow = 0;

  async function reconcile(ctx: ReconcileContext): Promise<ReconcileResult> {
    await catchUp(ctx);
    const started = ctx.clock.monotonic();
    const now = ctx.clock.now();
    const { assign, failed, wakeAt } = decide(observe(), now);
    metrics.decided(ctx.clock.monotonic() - started);
    let [taken, refused, behind] = [0, 0, 0];
    await inParallel(assign.slice(0, ASSIGNED_PER_CYCLE), PARALLEL, async (assignment) => {
      const outcome = await assigner.assign(assignment, ctx);
      if (outcome === 'taken') taken++;
      if (outcome === 'refused') refused++;
    });
    await inParallel(failed.slice(0, ASSIGNED_PER_CYCLE), PARALLEL, async (failure) => {
      if (!(await assigner.fail(failure))) behind++;
    });
    takenInARow = taken > 0 ? takenInARow + 1 : 0;
    if (taken > 0) {
      return { requeueAfterMs: Math.min(TAKEN_MS * 2 ** takenInARow, TAKEN_LONGEST_MS), reason: 'MachineTaken' };
    }
    if (assign.length > ASSIGNED_PER_CYCLE) return { requeueAfterMs: 1, reason: 'MoreAssignments' };
    if (behind > 0) return { requeueAfterMs: BEHIND_MS, reason: 'CacheBehind' };
    if (refused > 0) return { requeueAfterMs: REFUSED_MS, reason: 'TicketRefused' };
    if (wakeAt === undefined) return { requeueAfterMs: LATEST_MS, reason: 'Anyway' };
    return { requeueAfterMs: Math.min(LATEST_MS, Math.max(1_000, wakeAt - now)), reason: 'PoolPaused' };
  }

  addCycle(manager, 'ticket', reconcile);
  addCycle(manager, 'ticket-outlook', createOutlook(manager, observe, metrics));
  addClosedTickets(manager, ticketRbac);
}

/** One key for all tickets together. Those of single ones come from the regular look at everything, and mean nothing. */
function addCycle(manager: Manager, name: string, cycle: (ctx: ReconcileContext) => Promise<ReconcileResult>): void {
  manager.addController({
    name,
    for: BuilderTickets,
    forPredicate: () => false,
    watches: whateverMatters(),
    workers: 1,
    reconcile: async (key, ctx) => (key === KEY ? cycle(ctx) : undefined),
    rbac: ticketRbac,
  });
}

function whateverMatters(): Watch[] {
  return [
    // The status of a ticket is the scheduler's own news, told by the thousand: nothing to decide anew.
    watching({
      type: BuilderTickets,
      map: () => [KEY],
      predicate: (old, now) =>
        old?.metadata.generation !== now?.metadata.generation ||
        old?.metadata.deletionTimestamp !== now?.metadata.deletionTimestamp,
    }),
    watching({ type: Builders, map: () => [KEY], predicate: (old, now) => placeOf(old) !== placeOf(now) }),
    watching({
      type: BuilderPools,
      map: () => [KEY],
      predicate: (old, now) =>
        old?.metadata.generation !== now?.metadata.generation ||
        old?.metadata.deletionTimestamp !== now?.metadata.deletionTimestamp ||
        old?.status?.pausedUntil !== now?.status?.pausedUntil,
    }),
    watching({ type: BuildQuotas, map: () => [KEY] }),
    watching({ type: Projects, map: () => [KEY], predicate: (old, now) => old?.spec.suspend !== now?.spec.suspend }),
  ];
}

/** What of a Builder the next decision depends on. */
function placeOf(builder: Builder | undefined): string {
  if (builder === undefined) return 'none';
  const { metadata, spec, status } = builder;
  const isFailing = (status?.failedChecks ?? 0) > 0;
  return [status?.phase ?? 'new', spec.ticket?.uid, spec.sandbox, metadata.deletionTimestamp, isFailing].join('\n');
}
