/**
 * Builder (providers "command" and "hosts"): one machine, which outlives stages.
 *
 *   ── hook "new" ──▶ Starting ── it answers over SSH (hosts: and is clean) ──▶ Ready
 *   Ready ── the scheduler claims it for a ticket ──▶ driver pod ──▶ Running ── the session follows the pod
 *   Running ── ticket closed or gone ──▶ pod deleted, and gone ──▶ Releasing ── clean ──▶ claim taken off ──▶ Ready
 *   Releasing ── not to be used again ──▶ deleted          not clean, or too late ──▶ Lost
 *   "new", the probe or too many liveness probes in a row failed, or the driver says so ──▶ Lost ──▶ deleted (by the fleet)
 *   deleted ──▶ Deleting: pods and Jobs end ──▶ hook "delete" (hosts: clean) until it has succeeded ──▶ finalizer goes
 *
 * Every hook is a Job whose name follows from its cause. Its result is in the status before the Job is deleted.
 */
import type { Claim } from '../../crds/builder.ts';
import { Builders, isMachine } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import { Jobs, Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Installation } from '../builder/world.ts';
import { jobName } from '../hook/names.ts';
import { hookRbac } from '../hook/rbac.ts';
import { forgetAttempt } from '../shared/forget.ts';
import { builderName } from '../shared/names.ts';
import type { Services } from '../shared/services.ts';
import { createApplier } from './apply.ts';
import { builderOf, createObserver } from './observe.ts';
import { needsProof, planMachine } from './plan.ts';
import { readLog } from './readlog.ts';
import type { MachinePlan } from './status.ts';
import type { Facts, MachineWorld } from './world.ts';

export const machineRbac: RbacRule[] = [
  ...hookRbac,
  { group: 'kopr.dev', resources: ['builders'], verbs: ['get', 'list', 'watch', 'patch', 'delete'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builders/status'], verbs: ['patch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builders/finalizers'], verbs: ['update'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch', 'create', 'delete'], scope: 'builds' },
  { group: '', resources: ['secrets'], verbs: ['create', 'delete'], scope: 'builds' },
  {
    group: 'kopr.dev',
    resources: ['buildertickets', 'chrootbuilds', 'projects', 'chroots'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
];

/** A log, an answer of the publisher; one more pass plans with both. */
const MAX_PASSES = 4;

export interface MachineOptions {
  services: Pick<Services, 'forgetTask'>;
  installation: Installation;
  tokenKey: Uint8Array;
  workers: number;
}

export function addMachineController(manager: Manager, options: MachineOptions): void {
  const builders = manager.store(Builders);
  const observer = createObserver(manager, options.installation);
  const apply = createApplier(manager, options);

  /** Asks the API server for what the caches do not have, where a lagging cache would do harm. */
  async function proven(world: MachineWorld): Promise<MachineWorld> {
    const needs = needsProof(world);
    const { namespace = '', name, uid } = world.builder.metadata;
    let { jobs, pod, ticket } = world;
    if (needs.ticket && world.claim !== undefined) ticket = await find(manager.client, world.claim.ticket);
    if (needs.newJob) {
      const job = await manager.client.get(Jobs, `${namespace}/${jobName(name, 'new')}`);
      if (job?.metadata.labels?.['kopr.dev/builder-uid'] === uid && job !== undefined) jobs = [job];
    }
    if (needs.pod) {
      const ticket = world.claim?.ticket.uid ?? world.builder.status?.session?.ticket ?? '';
      pod = await manager.client.get(Pods, `${namespace}/${builderName(ticket)}`);
    }
    return { ...world, jobs, pod, ticket };
  }

  async function answer(world: MachineWorld, plan: MachinePlan, ctx: ReconcileContext): Promise<Facts | undefined> {
    if (plan.read !== undefined) return { ...world.facts, log: await readLog(manager.client, plan.read, ctx) };
    if (plan.forget === true) return { ...world.facts, forgotten: await forget(world, ctx) };
    return undefined;
  }

  async function forget({ stage, builder }: MachineWorld, ctx: ReconcileContext): Promise<boolean> {
    return stage === undefined || (await forgetAttempt(options.services, builder, stage.claim, ctx));
  }

  /** The finalizer goes before the Job that has deleted the machine: an operator that died between them leaves the Job. */
  async function sweep(key: string): Promise<undefined> {
    const left = observer.jobsOf(key);
    if (left.length === 0 || (await manager.client.get(Builders, key)) !== undefined) return;
    for (const job of left) await manager.client.delete(Jobs, keyOf(job), { uid: job.metadata.uid ?? '' });
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const builder = builders.get(key);
    if (builder === undefined) return sweep(key);
    if (!isMachine(builder)) return undefined;
    let world = await proven(observer.observe(builder));
    for (let pass = 1; pass <= MAX_PASSES; pass++) {
      const plan = planMachine(world, ctx.clock.now());
      const facts = await answer(world, plan, ctx);
      if (facts === undefined) return await apply(world, plan, ctx);
      world = { ...world, facts };
    }
    throw new Error(`the plan for machine ${key} still had a question after ${MAX_PASSES} passes`);
  }

  manager.addController({
    name: 'machine',
    for: Builders,
    owns: [Pods],
    watches: [
      watching({ type: Jobs, map: ({ metadata }) => builderOf(metadata) }),
      watching({ type: Pods, map: ({ metadata }) => builderOf(metadata) }),
      watching({ type: BuilderTickets, map: (ticket) => observer.ofTicket(keyOf(ticket)) }),
      watching({ type: BuilderPools, map: (pool) => observer.ofPool(keyOf(pool)) }),
    ],
    workers: options.workers,
    reconcile,
    rbac: machineRbac,
  });
}

/** The ticket itself, not another one of its name. */
async function find(client: ApiClient, of: Claim['ticket']): Promise<BuilderTicket | undefined> {
  const ticket = await client.get(BuilderTickets, `${of.namespace}/${of.name}`);
  return ticket?.metadata.uid === of.uid ? ticket : undefined;
}
