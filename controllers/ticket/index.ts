/**
 * The scheduler: turns waiting tickets into Builders.
 *
 *   any change of tickets, builders, pools, quotas, projects ──▶ one cycle over a snapshot:
 *   waiting ── place free, quota not exceeded, its turn ──▶ make the Builder ──▶ Assigned
 *   waiting ── otherwise ──▶ waiting, with the reason and the place in the queue
 *   closed  ──▶ Closed
 *
 * The Builder is made before the ticket is told: a crash in between is repaired by the next cycle, which finds the
 * Builder by the ticket's uid. One key, hence one cycle at a time; the snapshot includes this process's own writes.
 */
import type { Builder } from '../../crds/builder.ts';
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { BuildQuotas } from '../../crds/buildquota.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { Projects } from '../../crds/project.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import { Namespaces } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { createOnce } from '../shared/create.ts';
import { fieldManager } from '../shared/names.ts';
import { inParallel } from '../shared/parallel.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import { builderFor } from './builder.ts';
import type { SchedulerMetrics } from './metrics.ts';
import { newsOf } from './news.ts';
import { createObserver, STAND, SUSPENDED, standOf } from './observe.ts';
import { schedule } from './schedule.ts';
import type { Assignment, Schedule } from './world.ts';

export const ticketRbac: RbacRule[] = [
  {
    group: 'kopr.dev',
    resources: ['buildertickets', 'projects', 'buildquotas'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
  { group: 'kopr.dev', resources: ['buildertickets/status'], verbs: ['patch'], scope: 'cluster' },
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builders'], verbs: ['get', 'list', 'watch', 'create'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
];

const MANAGER = fieldManager('ticket');
const KEY = 'all';
/** Writes under way at once. */
const PARALLEL = 8;
/** Assignments that one cycle carries out, so that whatever comes meanwhile is decided on soon. */
const ASSIGNED_PER_CYCLE = 100;
/** Waiting tickets that are told their news in one cycle. The others follow in the next: who gets a builder must not wait for them. */
const NEWS_PER_CYCLE = 16;
const NEXT_NEWS_MS = 100;

export interface TicketOptions {
  buildsNamespace: string;
  releaseNamespace: string;
  metrics: SchedulerMetrics;
}

export function addTicketController(manager: Manager, options: TicketOptions): void {
  const tickets = manager.store(BuilderTickets);
  const projects = manager.store(Projects);
  manager.addIndex(BuilderTickets, STAND, (ticket) => [standOf(ticket)]);
  manager.addIndex(Projects, SUSPENDED, (project) => [String(project.spec.suspend)]);
  const observe = createObserver(
    {
      tickets,
      projects,
      builders: manager.store(Builders),
      pools: manager.store(BuilderPools),
      quotas: manager.store(BuildQuotas),
      namespaces: manager.store(Namespaces),
    },
    options,
  );

  async function assign({ ticket, pool }: Assignment, ctx: ReconcileContext): Promise<void> {
    const wanted = builderFor(ticket, pool, options.buildsNamespace);
    const made = await createOnce(manager.client, Builders, wanted);
    const builder = made ? wanted : await madeBefore(wanted);
    await tell(ticket, {
      observedGeneration: ticket.metadata.generation ?? 0,
      phase: 'Assigned',
      reason: 'Assigned',
      message: `served by pool ${builder.spec.pool}`,
      pool: builder.spec.pool,
      builder: builder.metadata.name,
      assignedAt: toTimestamp(ctx.clock.now()),
    });
    options.metrics.assigned(ticket);
    ctx.log.info({ ticket: keyOf(ticket), pool: builder.spec.pool }, 'ticket assigned');
  }

  /** A leader before this one has made the Builder and was cut short; it may have chosen another pool. */
  async function madeBefore(wanted: Builder): Promise<Builder> {
    const found = await manager.client.get(Builders, keyOf(wanted));
    if (found !== undefined && found.spec.ticket?.uid === wanted.spec.ticket?.uid) return found;
    throw new Error(`Builder ${keyOf(wanted)} is ${found === undefined ? 'just gone' : 'of another ticket'}`);
  }

  /** A ticket that is gone by now need not be told anything. */
  async function tell(ticket: BuilderTicket, status: NonNullable<BuilderTicket['status']>): Promise<void> {
    const { name, namespace, uid } = ticket.metadata;
    const desired = {
      apiVersion: API_VERSION,
      kind: 'BuilderTicket',
      metadata: { name, namespace: namespace ?? '', uid: uid ?? '' },
      status,
    };
    try {
      await manager.applyStatus(BuilderTickets, desired, { manager: MANAGER });
    } catch (error) {
      if (!isGoneOrOther(error)) throw error;
    }
  }

  /** True when there was more news than one cycle tells. */
  async function tellWaiting(plan: Schedule): Promise<boolean> {
    const news = newsOf(plan, NEWS_PER_CYCLE + 1);
    await inParallel(news.slice(0, NEWS_PER_CYCLE), PARALLEL, ({ ticket, news: { reason, message, position } }) =>
      tell(ticket, {
        observedGeneration: ticket.metadata.generation ?? 0,
        phase: 'Waiting',
        reason,
        message,
        ...(position === undefined ? {} : { position }),
      }),
    );
    return news.length > NEWS_PER_CYCLE;
  }

  async function tellClosed(): Promise<void> {
    await inParallel(tickets.byIndex(STAND, 'closing'), PARALLEL, (ticket) =>
      tell(ticket, {
        ...ticket.status,
        phase: 'Closed',
        reason: 'Closed',
        message: 'the builder is no longer needed',
      }),
    );
  }

  async function reconcile(_key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const started = ctx.clock.monotonic();
    const now = ctx.clock.now();
    const plan = schedule(observe(), now);
    options.metrics.cycle(ctx.clock.monotonic() - started, plan);
    await inParallel(plan.assign.slice(0, ASSIGNED_PER_CYCLE), PARALLEL, (assignment) => assign(assignment, ctx));
    if (plan.assign.length > ASSIGNED_PER_CYCLE) return { requeueAfterMs: 1, reason: 'MoreAssignments' };
    const more = await tellWaiting(plan);
    await tellClosed();
    if (more) return { requeueAfterMs: NEXT_NEWS_MS, reason: 'MoreNews' };
    if (plan.wakeAt === undefined) return undefined;
    return { requeueAfterMs: Math.max(1_000, plan.wakeAt - now), reason: 'PoolPaused' };
  }

  manager.addController({
    name: 'ticket',
    for: BuilderTickets,
    forPredicate: () => false,
    watches: [
      // The status of a ticket is this controller's own news, told by the thousand: nothing to decide anew.
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
    ],
    workers: 1,
    reconcile,
    rbac: ticketRbac,
  });
}

/** What of a Builder the next decision depends on. */
function placeOf(builder: Builder | undefined): string {
  return builder === undefined ? 'none' : (builder.status?.phase ?? 'new');
}
