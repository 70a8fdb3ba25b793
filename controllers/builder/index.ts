/**
 * Builder (provider "pod"): one pod for one attempt of one build stage.
 *
 *   ── make Secrets and pod ──▶ Starting ── build container runs ──▶ Running ── it ended with 0 ──▶ Ended
 *   Starting too long, pod failed, vanished or refused ──▶ Lost (with a reason)
 *   ticket closed or gone ──▶ delete the Builder, foreground: its place is free when its pod is gone
 *     (its stage is deleted ──▶ first have the publisher refuse the token of the attempt)
 *     (one that never started stays for ten minutes: its pool judges by it how long to pause)
 *
 * Secrets and pod are owned by the Builder and named after it. The pod is made last: when it exists, all of it does.
 */

import type { Builder, StageClaim } from '../../crds/builder.ts';
import { Builders, isMachine, stageClaimOf } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { ApiError } from '../../operator/client.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import { Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { announce } from '../shared/announce.ts';
import { createOnce } from '../shared/create.ts';
import { forgetAttempt } from '../shared/forget.ts';
import { fieldManager } from '../shared/names.ts';
import { oneSentence, warning } from '../shared/notes.ts';
import type { Services } from '../shared/services.ts';
import { stageCaches, stageOfClaim } from '../shared/stage.ts';
import type { BuilderPlan } from './plan.ts';
import { missesItsPod, planBuilder, refused, unforgotten } from './plan.ts';
import { builderPod } from './pod.ts';
import { isRefusal } from './refusal.ts';
import { createSecrets } from './secrets.ts';
import type { BuilderWorld, Installation } from './world.ts';

export const builderRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['builders'], verbs: ['get', 'list', 'watch', 'delete'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builders/status'], verbs: ['patch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builders/finalizers'], verbs: ['update'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch', 'create', 'delete'], scope: 'builds' },
  { group: '', resources: ['secrets'], verbs: ['create'], scope: 'builds' },
  {
    group: 'kopr.dev',
    resources: ['buildertickets', 'chrootbuilds', 'projects', 'chroots'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
];

const MANAGER = fieldManager('builder');

export interface BuilderOptions {
  services: Pick<Services, 'forgetTask'>;
  installation: Installation;
  tokenKey: Uint8Array;
  workers: number;
}

export function addBuilderController(manager: Manager, options: BuilderOptions): void {
  const { installation } = options;
  const builders = manager.store(Builders);
  const pools = manager.store(BuilderPools);
  const tickets = manager.store(BuilderTickets);
  const stages = stageCaches(manager);
  const pods = manager.store(Pods);
  manager.addIndex(Builders, 'ticket', ({ spec: { ticket } }) =>
    ticket === undefined ? [] : [`${ticket.namespace}/${ticket.name}`],
  );

  function observe(builder: Builder, claim: StageClaim): BuilderWorld {
    const ticket = tickets.get(`${claim.ticket.namespace}/${claim.ticket.name}`);
    return {
      builder,
      claim,
      pool: pools.get(`${installation.buildsNamespace}/${builder.spec.pool}`),
      ticket: ticket?.metadata.uid === claim.ticket.uid ? ticket : undefined,
      pod: pods.get(keyOf(builder)),
      ...stageOfClaim(stages, claim),
    };
  }

  async function createPod(world: BuilderWorld, ctx: ReconcileContext): Promise<string | undefined> {
    await createSecrets(manager.client, world, installation, options.tokenKey, ctx.clock);
    try {
      await createOnce(manager.client, Pods, builderPod(world, world.chroot?.spec.container?.image, installation));
      return undefined;
    } catch (error) {
      if (error instanceof ApiError && isRefusal(error)) return oneSentence(error.message, 800);
      throw error;
    }
  }

  async function tell(builder: Builder, status: Builder['status']): Promise<void> {
    if (status === undefined) return;
    const { name, namespace, uid } = builder.metadata;
    const metadata = { name, namespace: namespace ?? '', uid: uid ?? '' };
    const desired = { apiVersion: API_VERSION, kind: 'Builder', metadata, status };
    await manager.applyStatus(Builders, desired, { manager: MANAGER });
  }

  async function apply(world: BuilderWorld, plan: BuilderPlan, ctx: ReconcileContext): Promise<void> {
    const { builder } = world;
    const uid = builder.metadata.uid ?? '';
    if (plan.deleteBuilder) {
      await manager.client.delete(Builders, keyOf(builder), { uid, propagationPolicy: 'Foreground' });
      return;
    }
    if (plan.deletePod) await manager.client.delete(Pods, keyOf(builder));
    let { status, notes } = plan;
    if (plan.createPod) {
      const problem = await createPod(world, ctx);
      if (problem !== undefined) {
        status = refused(world, ctx.clock.now(), problem);
        notes = [warning('PodRefused', problem)];
      }
    }
    await tell(builder, status);
    announce({ log: ctx.log, events: manager.events }, builder, 'builder moved on', notes);
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const builder = builders.get(key);
    const claim = builder && stageClaimOf(builder);
    // Machines have a controller of their own.
    if (builder === undefined || claim === undefined || isMachine(builder)) return undefined;
    let world = observe(builder, claim);
    if (missesItsPod(world)) world = { ...world, pod: await manager.client.get(Pods, key) };
    let plan = planBuilder(world, ctx.clock.now());
    if (plan.forget && !(await forgetAttempt(options.services, builder, claim, ctx)))
      plan = unforgotten(world, ctx.clock.now());
    await apply(world, plan, ctx);
    if (plan.requeueAfterMs === undefined) return undefined;
    return { requeueAfterMs: plan.requeueAfterMs, reason: plan.status?.reason ?? 'Waiting' };
  }

  manager.addController({
    name: 'builder',
    for: Builders,
    owns: [Pods],
    watches: [
      watching({ type: BuilderTickets, map: (ticket) => builders.byIndex('ticket', keyOf(ticket)).map(keyOf) }),
    ],
    workers: options.workers,
    reconcile,
    rbac: builderRbac,
  });
}
