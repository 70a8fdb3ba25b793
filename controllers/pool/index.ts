/**
 * BuilderPool: what a pool holds now, and whether it can be trusted with more.
 *
 *   Builders that exist ──▶ counts, Ready
 *   builders in a row that did not start ──▶ Ready=False, paused for 10 s, 20 s, 40 s … 5 min
 *   one that starts, or ten quiet minutes ──▶ Ready=True
 *
 * Builders of provider "pod" are made by the scheduler, one for each ticket; nothing is made here.
 */
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { announce, readyNote } from '../shared/announce.ts';
import { fieldManager } from '../shared/names.ts';
import { poolStatus } from './plan.ts';

export const poolRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['builderpools', 'builders'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['builderpools/status'], verbs: ['patch'], scope: 'builds' },
];

const MANAGER = fieldManager('pool');

export function addPoolController(manager: Manager): void {
  const pools = manager.store(BuilderPools);
  const builders = manager.store(Builders);
  manager.addIndex(Builders, 'pool', (builder) => [`${builder.metadata.namespace}/${builder.spec.pool}`]);

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const pool = pools.get(key);
    if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) return undefined;
    const now = ctx.clock.now();
    const status = poolStatus(pool, builders.byIndex('pool', key), now);
    const { name, namespace } = pool.metadata;
    const metadata = { name, namespace: namespace ?? '' };
    await manager.applyStatus(
      BuilderPools,
      { apiVersion: API_VERSION, kind: 'BuilderPool', metadata, status },
      { manager: MANAGER },
    );
    announce({ log: ctx.log, events: manager.events }, pool, 'pool changed', readyNote(pool.status, status));
    if (status.pausedUntil === undefined) return undefined;
    return { requeueAfterMs: Math.max(1_000, fromTimestamp(status.pausedUntil) - now), reason: 'Paused' };
  }

  manager.addController({
    name: 'pool',
    for: BuilderPools,
    watches: [watching({ type: Builders, map: (builder) => [`${builder.metadata.namespace}/${builder.spec.pool}`] })],
    reconcile,
    rbac: poolRbac,
  });
}
