/**
 * The fleet: makes machines for the pools that have some, and removes those that are not to be used again.
 *
 *   pool without the finalizer ──▶ gets it ──▶ may have machines
 *   fewer ready than the pool keeps, or tickets that no machine will serve ──▶ make Builders (provider "command")
 *   slot of the inventory without a Builder ──▶ make it (provider "hosts")
 *   used up, lost, not needed, too many, pool suspended or going ──▶ delete the Builder
 *   pool being deleted, no machine left ──▶ the finalizer goes
 *
 * Making and deleting a Builder is all: the machine behind it is made, watched and deleted by the controller of
 * machines. One key, hence one cycle at a time, and never on a cache that lacks what the last one wrote. Nothing is
 * made twice: a name follows from the number of the machine, numbers are made one after the other, and `machinesMade`
 * follows what is seen. So every leader that does not see a machine plans its very name, and finds it taken.
 */

import type { Builder } from '../../crds/builder.ts';
import { Builders, isMachine } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { announce } from '../shared/announce.ts';
import { createOnce } from '../shared/create.ts';
import { hasMachines } from '../shared/machines.ts';
import { fieldManager } from '../shared/names.ts';
import { normal } from '../shared/notes.ts';
import { inParallel } from '../shared/parallel.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import { applyPoolStatus } from '../shared/pool-status.ts';
import { planFleet } from './plan.ts';
import { WaitingTickets } from './waiting.ts';
import type { Creation, FleetPlan, Removal } from './world.ts';
import { POOL_FINALIZER } from './world.ts';

export const fleetRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['builderpools'], verbs: ['get', 'list', 'watch', 'patch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools/status'], verbs: ['patch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builders'], verbs: ['get', 'list', 'watch', 'create', 'delete'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['buildertickets'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
];

const MANAGER = fieldManager('fleet');
const NAME = 'fleet';
const KEY = 'all';
/** Writes under way at once. */
const PARALLEL = 8;
/** Tickets come and go by the hundred; machines take seconds at least. */
const PACE_MS = 250;
const AGAIN_MS = 1_000;

export interface FleetOptions {
  buildsNamespace: string;
}

export function addFleetController(manager: Manager, { buildsNamespace }: FleetOptions): void {
  const pools = manager.store(BuilderPools);
  const builders = manager.store(Builders);
  const waiting = new WaitingTickets();
  manager.store(BuilderTickets).subscribe(({ old, now }) => {
    const ticket = now ?? old;
    if (ticket !== undefined) waiting.see(keyOf(ticket), now);
  });
  let last = Number.NEGATIVE_INFINITY;

  function hasFleet(): boolean {
    return pools.list(buildsNamespace).some(hasMachines);
  }

  async function create({ builder, message }: Creation, ctx: ReconcileContext): Promise<void> {
    if (!(await createOnce(manager.client, Builders, builder))) return;
    ctx.log.info({ builder: keyOf(builder), pool: builder.spec.pool, note: message }, 'machine requested');
  }

  /** One after the other: whoever sees one of them has seen all before it. */
  async function createAll(creations: readonly Creation[], ctx: ReconcileContext): Promise<void> {
    const byPool = [...Map.groupBy(creations, ({ pool }) => pool.metadata.name).values()];
    await inParallel(byPool, PARALLEL, async (ofPool) => {
      for (const creation of ofPool) await create(creation, ctx);
    });
  }

  async function remove({ builder, reason, message, asSeen }: Removal, ctx: ReconcileContext): Promise<void> {
    const { uid = '', resourceVersion = '' } = builder.metadata;
    const preconditions = asSeen ? { uid, resourceVersion } : { uid };
    if (!(await manager.client.delete(Builders, keyOf(builder), preconditions))) return;
    announce({ log: ctx.log, events: manager.events }, builder, 'machine removed', [normal(reason, message)]);
  }

  async function raise(pool: BuilderPool, machinesMade: number): Promise<void> {
    await applyPoolStatus(manager, pool, { machinesMade }, MANAGER);
  }

  async function hold(pool: BuilderPool): Promise<void> {
    const { finalizers = [] } = pool.metadata;
    await manager.client.patchFinalizers(BuilderPools, pool, [...finalizers, POOL_FINALIZER]);
  }

  /** A machine that the cache does not show would be left behind for good: ask before the pool goes. */
  async function letGo(pool: BuilderPool, ctx: ReconcileContext): Promise<void> {
    const { name, namespace = '', finalizers = [] } = pool.metadata;
    const { items } = await manager.client.list(Builders, { namespace, fieldSelector: `spec.pool=${name}` });
    if (items.some(isMachine)) return;
    const rest = finalizers.filter((finalizer) => finalizer !== POOL_FINALIZER);
    await manager.client.patchFinalizers(BuilderPools, pool, rest);
    ctx.log.info({ pool: keyOf(pool) }, 'pool has no machines any more');
  }

  /** False when something had changed under the plan, such as a machine that a ticket has by now. */
  async function apply(plan: FleetPlan, ctx: ReconcileContext): Promise<boolean> {
    const writes: (() => Promise<void>)[] = [
      ...plan.made.map(
        ({ pool, number }) =>
          () =>
            raise(pool, number),
      ),
      ...plan.hold.map((pool) => () => hold(pool)),
      ...plan.remove.map((removal) => () => remove(removal, ctx)),
      ...plan.letGo.map((pool) => () => letGo(pool, ctx)),
    ];
    let fresh = true;
    await inParallel(writes, PARALLEL, async (write) => {
      try {
        await write();
      } catch (error) {
        if (!isGoneOrOther(error)) throw error;
        fresh = false;
      }
    });
    await createAll(plan.create, ctx);
    return fresh;
  }

  async function reconcile(_key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    // Waited for already, for seconds: on such a cache everything would be made once more.
    if (!manager.expectations.satisfied(`${NAME} ${KEY}`)) return { requeueAfterMs: AGAIN_MS, reason: 'CacheLags' };
    const wait = last + PACE_MS - ctx.clock.monotonic();
    if (wait > 0) return { requeueAfterMs: wait, reason: 'Paced' };
    last = ctx.clock.monotonic();
    const now = ctx.clock.now();
    const world = {
      pools: pools.list(buildsNamespace),
      builders: builders.list(buildsNamespace),
      waiting: waiting.all(),
    };
    const plan = planFleet(world, now);
    if (!(await apply(plan, ctx))) return { requeueAfterMs: AGAIN_MS, reason: 'Changed' };
    if (plan.wakeAt === undefined) return undefined;
    return { requeueAfterMs: Math.max(1_000, plan.wakeAt - now), reason: 'NextMachine' };
  }

  manager.addController({
    name: NAME,
    for: BuilderPools,
    forPredicate: () => false,
    watches: [
      watching({ type: BuilderPools, map: () => [KEY], predicate: (old, now) => wishOf(old) !== wishOf(now) }),
      watching({ type: Builders, map: () => [KEY], predicate: (old, now) => stateOf(old) !== stateOf(now) }),
      watching({ type: BuilderTickets, map: () => [KEY], predicate: hasFleet }),
    ],
    workers: 1,
    reconcile,
    rbac: fleetRbac,
  });
}

/** What of a pool a plan depends on. */
function wishOf(pool: BuilderPool | undefined): string {
  if (pool === undefined) return '';
  const { uid, generation, deletionTimestamp, finalizers } = pool.metadata;
  const { pausedUntil, consecutiveStartFailures, machinesMade } = pool.status ?? {};
  return JSON.stringify([
    uid,
    generation,
    deletionTimestamp,
    finalizers,
    pausedUntil,
    consecutiveStartFailures,
    machinesMade,
  ]);
}

/** What of a machine it depends on. Pods come and go without it. */
function stateOf(builder: Builder | undefined): string {
  if (builder === undefined || !isMachine(builder)) return '';
  const { metadata, spec, status } = builder;
  return JSON.stringify([
    metadata.uid,
    metadata.deletionTimestamp,
    spec.ticket?.uid,
    spec.sandbox,
    status?.phase,
    status?.uses,
    status?.releasedAt,
  ]);
}
