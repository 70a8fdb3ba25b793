/**
 * ChrootBuild: one stage of a build, from a ticket to published results.
 *
 *   ── take ticket 1 ──▶ Waiting ── scheduler assigns ──▶ Starting ──▶ Running ── builder ended ──▶ what did it send?
 *   no pool could serve it, for an hour ──▶ Failed
 *   nothing complete ──▶ attempt < 3 and another builder may help: take the next ticket ──▶ Waiting
 *                        else ──▶ Failed
 *   results complete ──▶ close ticket ──▶ Publishing ── failed build: logs only ──▶ Failed
 *                                                    ── binary stage ──▶ Succeeded
 *                                                    ── source stage ──▶ Importing ──▶ Succeeded
 *   spec.cancelled ──▶ close ticket (which ends the builder) ──▶ Cancelled; too late once Publishing
 *
 * The publisher's and distgit's records are keyed by the attempt, so asking again never does anything twice.
 */
import type { Builder } from '../../crds/builder.ts';
import { Builders, sessionOf } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { Chroots, chrootObjectName } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { controllerOf, keyOf, ownerKeys } from '../../operator/resource.ts';
import { announce } from '../shared/announce.ts';
import { createOnce } from '../shared/create.ts';
import { fieldManager, taskID } from '../shared/names.ts';
import { patchIncarnation } from '../shared/patch.ts';
import type { Services } from '../shared/services.ts';
import { isServable } from '../ticket/pools.ts';
import { answer } from './ask.ts';
import type { ChrootBuildPlan } from './plan.ts';
import { planChrootBuild, unanswered } from './plan.ts';
import type { ChrootBuildWorld, Facts, Question } from './world.ts';
import { newestTicket } from './world.ts';

export const chrootBuildRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['chrootbuilds'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['chrootbuilds/status'], verbs: ['patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['chrootbuilds/finalizers'], verbs: ['update'], scope: 'cluster' },
  {
    group: 'kopr.dev',
    resources: ['buildertickets'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    scope: 'cluster',
  },
  { group: 'kopr.dev', resources: ['chroots'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builders', 'builderpools'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
];

const MANAGER = fieldManager('chrootbuild');
/** How often a stage tells of its ticket and its builder, as long as there is nothing to be done. */
const PROGRESS_MS = 1_000;
/** Three questions at most, each asked once; one more pass plans with all answers. */
const MAX_PASSES = 4;

export interface ChrootBuildOptions {
  services: Services;
  buildsNamespace: string;
  urls: { results: string; resultsInternal: string };
  workers: number;
}

export function addChrootBuildController(manager: Manager, options: ChrootBuildOptions): void {
  const chrootBuilds = manager.store(ChrootBuilds);
  const tickets = manager.store(BuilderTickets);
  const builders = manager.store(Builders);
  const chroots = manager.store(Chroots);
  const pools = manager.store(BuilderPools);
  manager.addIndex(BuilderTickets, 'owner', (ticket) => [controllerOf(ticket)?.uid ?? '']);

  function observe(chrootBuild: ChrootBuild): ChrootBuildWorld {
    const mine = tickets.byIndex('owner', chrootBuild.metadata.uid ?? '');
    const newest = newestTicket({ tickets: mine });
    const builder = newest?.status?.builder;
    const found = builder === undefined ? undefined : builders.get(`${options.buildsNamespace}/${builder}`);
    return {
      chrootBuild,
      tickets: mine,
      builder: found !== undefined && serves(found, newest?.metadata.uid) ? found : undefined,
      servable: newest !== undefined && isServable(newest, pools.list(options.buildsNamespace)),
      chroot: chrootBuild.spec.stage === 'source' ? undefined : chroots.get(chrootObjectName(chrootBuild.spec.chroot)),
      facts: {},
      urls: options.urls,
    };
  }

  /** `closed` has the names of tickets that an earlier pass has closed; the world still shows them open. */
  async function apply(
    chrootBuild: ChrootBuild,
    plan: ChrootBuildPlan,
    closed: Set<string>,
    ctx: ReconcileContext,
  ): Promise<void> {
    if (plan.takeTicket !== undefined) await createOnce(manager.client, BuilderTickets, plan.takeTicket);
    if (plan.status !== undefined) {
      const { name, namespace } = chrootBuild.metadata;
      const desired = {
        apiVersion: API_VERSION,
        kind: 'ChrootBuild',
        metadata: { name, namespace: namespace ?? '' },
        status: plan.status,
      };
      await manager.applyStatus(ChrootBuilds, desired, { manager: MANAGER });
    }
    // After the status: closing ends the Builder, and with it the reason why the stage has failed.
    for (const ticket of plan.closeTickets) {
      if (closed.has(ticket.metadata.name)) continue;
      await patchIncarnation(manager.client, BuilderTickets, ticket, { spec: { closed: true } });
      closed.add(ticket.metadata.name);
    }
    for (const attempt of plan.forget ?? []) await forget(chrootBuild, attempt, ctx);
    announce({ log: ctx.log, events: manager.events }, chrootBuild, 'stage moved on', plan.notes);
  }

  /** Not worth holding a stage up for: the publisher forgets by itself in a week, and tokens end with their time. */
  async function forget(chrootBuild: ChrootBuild, attempt: number, ctx: ReconcileContext): Promise<void> {
    try {
      await options.services.forgetTask(taskID(chrootBuild, attempt), ctx.signal);
    } catch (error) {
      ctx.log.warn(
        { chrootBuild: keyOf(chrootBuild), attempt, problem: errorMessage(error) },
        'attempt was not forgotten',
      );
    }
  }

  /** The answer, or what to do without one. */
  async function ask(
    world: ChrootBuildWorld,
    question: Question,
    ctx: ReconcileContext,
  ): Promise<{ facts: Facts } | { without: ChrootBuildPlan }> {
    try {
      return { facts: await answer(world, question, options.services, ctx.signal) };
    } catch (error) {
      if (ctx.signal.aborted) throw error;
      const problem = errorMessage(error);
      ctx.log.warn({ chrootBuild: keyOf(world.chrootBuild), question, problem }, 'service did not answer');
      return { without: unanswered(world, question, problem, ctx.clock.now()) };
    }
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const chrootBuild = chrootBuilds.get(key);
    if (chrootBuild === undefined) return undefined;
    const closed = new Set<string>();
    let world = observe(chrootBuild);
    for (let pass = 1; pass <= MAX_PASSES; pass++) {
      const plan = planChrootBuild(world, ctx.clock.now());
      await apply(chrootBuild, plan, closed, ctx);
      if (plan.ask === undefined) return outcome(plan);
      const answered = await ask(world, plan.ask, ctx);
      if ('without' in answered) {
        await apply(chrootBuild, answered.without, closed, ctx);
        return outcome(answered.without);
      }
      world = { ...world, facts: answered.facts };
    }
    throw new Error(`the plan for ChrootBuild ${key} still had a question after ${MAX_PASSES} passes`);
  }

  manager.addController({
    name: 'chrootbuild',
    for: ChrootBuilds,
    // Its status is this controller's own: there is nothing to learn from it.
    forPredicate: (old, now) =>
      old?.metadata.generation !== now?.metadata.generation ||
      old?.metadata.deletionTimestamp !== now?.metadata.deletionTimestamp,
    watches: [
      watching({
        type: BuilderTickets,
        map: ownerKeys(ChrootBuilds),
        paceMs: (old, now) => ((old?.spec.closed ?? false) === (now?.spec.closed ?? true) ? PROGRESS_MS : 0),
        // Its place in the queue changes with every stage that starts.
        background: (_old, now) => now?.spec.closed === false && (now.status?.phase ?? 'Waiting') === 'Waiting',
      }),
      watching({
        type: Builders,
        paceMs: (old, now) =>
          (old !== undefined && isOver(old)) === (now === undefined || isOver(now)) ? PROGRESS_MS : 0,
        map: ({ spec: { chrootBuild } }) =>
          chrootBuild === undefined ? [] : [`${chrootBuild.namespace}/${chrootBuild.name}`],
      }),
    ],
    workers: options.workers,
    reconcile,
    rbac: chrootBuildRbac,
  });
}

/** A machine that was released from the ticket still says what became of it. */
function serves(builder: Builder, ticketUID: string | undefined): boolean {
  if (ticketUID === undefined) return false;
  return builder.spec.ticket?.uid === ticketUID || sessionOf(builder, ticketUID) !== undefined;
}

/** What has become of its ticket's stage will not change any more, and decides over it. */
function isOver(builder: Builder): boolean {
  const phase = sessionOf(builder, builder.spec.ticket?.uid ?? '')?.phase;
  return phase === 'Ended' || phase === 'Lost';
}

function outcome({ requeueAfterMs, status }: ChrootBuildPlan): ReconcileResult {
  return requeueAfterMs === undefined ? undefined : { requeueAfterMs, reason: status?.reason ?? 'Waiting' };
}
