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
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';
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
import { builderName, fieldManager } from '../shared/names.ts';
import { ownerOf } from '../shared/owners.ts';
import { builderFor } from './builder.ts';
import type { SchedulerMetrics } from './metrics.ts';
import { schedule } from './schedule.ts';
import type { Assignment, SchedulerWorld, Waiting } from './world.ts';

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
/** Waiting tickets that are told their news in one cycle; the others follow in the next, which must not have to wait. */
const NEWS_PER_CYCLE = 50;
const NEXT_NEWS_MS = 250;

export interface TicketOptions {
  buildsNamespace: string;
  releaseNamespace: string;
  metrics: SchedulerMetrics;
}

export function addTicketController(manager: Manager, options: TicketOptions): void {
  const tickets = manager.store(BuilderTickets);
  const builders = manager.store(Builders);
  const pools = manager.store(BuilderPools);
  const quotas = manager.store(BuildQuotas);
  const projects = manager.store(Projects);
  const namespaces = manager.store(Namespaces);
  manager.addIndex(BuilderTickets, 'closed', (ticket) => [String(ticket.spec.closed)]);
  manager.addIndex(Projects, 'suspended', (project) => [String(project.spec.suspend)]);

  function observe(): SchedulerWorld {
    const byOwner = new Map<string, BuildQuota['spec']>();
    let defaultQuota: BuildQuota['spec'] | undefined;
    for (const quota of quotas.list()) {
      if (quota.metadata.namespace === options.releaseNamespace) {
        defaultQuota = quota.spec;
        continue;
      }
      const namespace = namespaces.get(quota.metadata.namespace ?? '');
      const owner = namespace && ownerOf(namespace);
      if (owner !== undefined && 'owner' in owner) byOwner.set(owner.owner, quota.spec);
    }
    return {
      tickets: tickets.byIndex('closed', 'false').filter((ticket) => ticket.metadata.deletionTimestamp === undefined),
      builders: builders.list(options.buildsNamespace),
      pools: pools.list(options.buildsNamespace),
      quotas: byOwner,
      defaultQuota,
      suspended: new Set(projects.byIndex('suspended', 'true').map(keyOf)),
    };
  }

  async function assign({ ticket, pool }: Assignment, now: number): Promise<void> {
    await createOnce(manager.client, Builders, builderFor(ticket, pool, options.buildsNamespace));
    await tell(ticket, {
      observedGeneration: ticket.metadata.generation ?? 0,
      phase: 'Assigned',
      reason: 'Assigned',
      message: `served by pool ${pool}`,
      pool,
      builder: builderName(pool, ticket.metadata.uid ?? ''),
      assignedAt: toTimestamp(now),
    });
  }

  async function tell(ticket: BuilderTicket, status: NonNullable<BuilderTicket['status']>): Promise<boolean> {
    const { name, namespace, uid } = ticket.metadata;
    const desired = {
      apiVersion: API_VERSION,
      kind: 'BuilderTicket',
      metadata: { name, namespace: namespace ?? '', uid: uid ?? '' },
      status,
    };
    return (await manager.applyStatus(BuilderTickets, desired, { manager: MANAGER })).changed;
  }

  /** True when there was more news than one cycle tells. */
  async function tellWaiting(waiting: readonly Waiting[]): Promise<boolean> {
    let told = 0;
    for (const { ticket, reason, message, position } of waiting) {
      const shown = ticket.status;
      if (shown?.reason === reason && shown.message === message && shown.position === position) continue;
      if (told === NEWS_PER_CYCLE) return true;
      told++;
      await tell(ticket, {
        observedGeneration: ticket.metadata.generation ?? 0,
        phase: 'Waiting',
        reason,
        message,
        ...(position === undefined ? {} : { position }),
      });
    }
    return false;
  }

  async function tellClosed(): Promise<void> {
    for (const ticket of tickets.byIndex('closed', 'true')) {
      if (ticket.status?.phase === 'Closed') continue;
      await tell(ticket, {
        ...ticket.status,
        phase: 'Closed',
        reason: 'Closed',
        message: 'the builder is no longer needed',
      });
    }
  }

  async function reconcile(_key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const started = ctx.clock.monotonic();
    const now = ctx.clock.now();
    const plan = schedule(observe(), now);
    options.metrics.cycle(ctx.clock.monotonic() - started, plan);
    for (const assignment of plan.assign) {
      await assign(assignment, now);
      ctx.log.info({ ticket: keyOf(assignment.ticket), pool: assignment.pool }, 'ticket assigned');
    }
    const more = await tellWaiting(plan.waiting);
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
      watching({ type: BuilderTickets, map: () => [KEY] }),
      watching({ type: Builders, map: () => [KEY] }),
      watching({ type: BuilderPools, map: () => [KEY] }),
      watching({ type: BuildQuotas, map: () => [KEY] }),
      watching({ type: Projects, map: () => [KEY], predicate: (old, now) => old?.spec.suspend !== now?.spec.suspend }),
    ],
    workers: 1,
    reconcile,
    rbac: ticketRbac,
  });
}
