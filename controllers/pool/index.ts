/**
 * BuilderPool: what a pool holds now, how it has done lately, and whether it can be trusted with more.
 *
 *   Builders that exist ──▶ counts, owners, Ready
 *   what happens to them ──▶ statistics, each event once
 *   builders in a row that did not start ──▶ Ready=False, paused for 10 s, 20 s, 40 s … 5 min
 *   one that starts, or ten quiet minutes ──▶ Ready=True
 *   suspended or being deleted ──▶ Ready=False, and what it still waits for
 *
 * Nothing is made here: pods are made by the scheduler, machines by the controller of the fleet. The counts change
 * with every step of every build; they are written at most once a second, what others decide on at once.
 */
import type { Registry } from 'prom-client';
import type { Builder } from '../../crds/builder.ts';
import { Builders } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { announce, readyNote } from '../shared/announce.ts';
import { fieldManager } from '../shared/names.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import { applyPoolStatus } from '../shared/pool-status.ts';
import type { PoolEvent } from './events.ts';
import { createPoolMetrics } from './metrics.ts';
import { nextLook, poolStatus } from './plan.ts';
import { Tally } from './tally.ts';

export const poolRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['builderpools', 'builders'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools/status'], verbs: ['patch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['buildertickets'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
];

const MANAGER = fieldManager('pool');
/** Reasons of Ready=False that somebody wanted. */
const CALM = ['Suspended', 'ScaledToZero', 'Deleting'];
const PACE_MS = 1_000;

export interface PoolOptions {
  registry: Registry;
}

export function addPoolController(manager: Manager, { registry }: PoolOptions): void {
  const pools = manager.store(BuilderPools);
  const builders = manager.store(Builders);
  const tickets = manager.store(BuilderTickets);
  const tally = new Tally();
  /** When a pool's status was last made, by the monotonic clock. */
  const made = new Map<string, number>();
  const urgent = new Set<string>();
  manager.addIndex(Builders, 'pool', (builder) => [poolKey(builder)]);
  const metrics = createPoolMetrics(registry, {
    builders: () => (manager.isLeading() ? builders.list() : []),
    pools: () => (manager.isLeading() ? pools.list() : []),
  });

  function take(builder: Builder): void {
    const key = poolKey(builder);
    const fails = (pools.get(key)?.status?.consecutiveStartFailures ?? 0) > 0;
    for (const { kind } of tally.see(key, builder)) {
      if (kind === 'failed' || (kind === 'ready' && fails)) urgent.add(key);
    }
  }

  builders.subscribe(({ old, now, initial }) => {
    const builder = now ?? old;
    if (builder === undefined || initial || !manager.isLeading()) return;
    take(builder);
    if (now === undefined) tally.gone(poolKey(builder), builder.metadata.uid ?? '');
  });

  /** Sandboxes begin with the owner; tickets know better, while they are there. */
  function ownerOf({ spec: { ticket, sandbox = '' } }: Builder): string | undefined {
    if (ticket === undefined) return undefined;
    const known = tickets.get(`${ticket.namespace}/${ticket.name}`);
    const owner = known?.metadata.uid === ticket.uid ? known.spec.owner : (sandbox.split('/')[0] ?? '');
    return owner.slice(0, 253);
  }

  async function tell(pool: BuilderPool, status: BuilderPool['status'], ctx: ReconcileContext): Promise<void> {
    await applyPoolStatus(manager, pool, status ?? {}, MANAGER);
    const notes = readyNote(pool.status, status ?? {}, CALM);
    announce({ log: ctx.log, events: manager.events }, pool, 'pool changed', notes);
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const pool = pools.get(key);
    if (pool === undefined) {
      tally.forget(key);
      made.delete(key);
      return undefined;
    }
    const elapsed = ctx.clock.monotonic() - (made.get(key) ?? Number.NEGATIVE_INFINITY);
    const changed = pool.metadata.generation !== pool.status?.observedGeneration;
    if (elapsed < PACE_MS && !urgent.has(key) && !changed) {
      return { requeueAfterMs: Math.max(1, PACE_MS - elapsed), reason: 'Paced' };
    }
    made.set(key, ctx.clock.monotonic());
    const all = builders.byIndex('pool', key);
    for (const builder of all) take(builder);
    urgent.delete(key);
    const events: PoolEvent[] = tally.open(key, pool.status?.statistics?.counted);
    const now = ctx.clock.now();
    const status = poolStatus({ pool, builders: all, events, ownerOf }, now);
    try {
      await tell(pool, status, ctx);
    } catch (error) {
      if (!isGoneOrOther(error)) throw error;
      return undefined;
    }
    tally.close(key, events);
    for (const { kind, seconds } of events) if (kind === 'ready') metrics.started(pool.metadata.name, seconds ?? 0);
    const next = nextLook(status, now);
    return next === undefined ? undefined : { requeueAfterMs: Math.max(1_000, next - now), reason: 'Paused' };
  }

  manager.addController({
    name: 'pool',
    for: BuilderPools,
    watches: [watching({ type: Builders, map: (builder) => [poolKey(builder)] })],
    reconcile,
    rbac: poolRbac,
  });
}

function poolKey({ metadata, spec }: Builder): string {
  return `${metadata.namespace ?? ''}/${spec.pool}`;
}
