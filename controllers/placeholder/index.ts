/**
 * Placeholders: pods of low priority that keep room for builder pods, and the images of chroots on the nodes.
 *
 *   pool with pod.warm ──▶ so many placeholders, each in a slot of its own
 *   a builder wants the room ──▶ Kubernetes ends a placeholder ──▶ after a pause it is made again, and waits for room
 *     (a cluster autoscaler then brings a node for it, not for the build)
 *   pool or chroots changed ──▶ placeholders are replaced one by one
 *   pool suspended, or fewer wanted ──▶ they go
 *
 * What was pushed aside how often is remembered in memory alone: forgetting it costs one early pod.
 */
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { Chroots } from '../../crds/chroot.ts';
import type { Clock } from '../../lib/clock.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { ApiError } from '../../operator/client.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Pod } from '../../operator/core.ts';
import { Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { controllerOf, keyOf } from '../../operator/resource.ts';
import { announce } from '../shared/announce.ts';
import { createOnce } from '../shared/create.ts';
import { oneSentence, warning } from '../shared/notes.ts';
import type { Setbacks } from './plan.ts';
import { isOver, planPlaceholders, slotOf, withSetback } from './plan.ts';
import type { PlaceholderOptions } from './pod.ts';
import { imagesOf, LABELS, PLACEHOLDER, placeholderPod } from './pod.ts';

export const placeholderRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['builderpools'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
  // Pods that a pool owns keep it from being deleted in the foreground before they are.
  { group: 'kopr.dev', resources: ['builderpools/finalizers'], verbs: ['update'], scope: 'builds' },
  { group: 'kopr.dev', resources: ['chroots'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch', 'create', 'delete'], scope: 'builds' },
];

const POOL = 'placeholder-pool';
const REFUSED_MS = 60_000;

export function addPlaceholderController(manager: Manager, options: PlaceholderOptions & { clock: Clock }): void {
  const pools = manager.store(BuilderPools);
  const chroots = manager.store(Chroots);
  const pods = manager.store(Pods);
  /** By pool and slot. */
  const setbacks = new Map<string, Map<number, Setbacks>>();
  /** Uids of those that this controller has removed itself. */
  const removed = new Set<string>();
  manager.addIndex(Pods, POOL, poolOf);

  pods.subscribe(({ old, now }) => {
    // What the leader removes looks to others as if it was pushed aside.
    if (old === undefined || now !== undefined || !manager.isLeading()) return;
    if (removed.delete(old.metadata.uid ?? '')) return;
    for (const key of poolOf(old)) setBack(key, old);
  });

  function setBack(pool: string, pod: Pod): void {
    const now = options.clock.now();
    const made = pod.metadata.creationTimestamp;
    const ofPool = setbacks.get(pool) ?? new Map<number, Setbacks>();
    const slot = slotOf(pod);
    ofPool.set(slot, withSetback(ofPool.get(slot), made === undefined ? now : fromTimestamp(made), now));
    setbacks.set(pool, ofPool);
  }

  async function remove(pool: string, pod: Pod): Promise<void> {
    const { uid = '' } = pod.metadata;
    removed.add(uid);
    if (isOver(pod)) setBack(pool, pod);
    const gone = !(await manager.client.delete(Pods, keyOf(pod), { uid }));
    if (gone) removed.delete(uid);
  }

  /** False when the API server will not have it: an admission policy, a quota, a PriorityClass that is missing. */
  async function create(pool: BuilderPool, pod: Pod, ctx: ReconcileContext): Promise<boolean> {
    try {
      await createOnce(manager.client, Pods, pod);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || ![400, 403, 422].includes(error.status)) throw error;
      const note = warning('PlaceholderRefused', oneSentence(error.message, 800));
      announce({ log: ctx.log, events: manager.events }, pool, 'placeholder refused', [note]);
      return false;
    }
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const pool = pools.get(key);
    if (pool === undefined) {
      setbacks.delete(key);
      return undefined;
    }
    const own = pods.byIndex(POOL, key);
    if ((pool.spec.pod?.warm ?? 0) === 0 && own.length === 0) return undefined;
    const images = imagesOf(pool, chroots.list());
    const now = ctx.clock.now();
    const wanted = (slot: number): Pod => placeholderPod(pool, images, slot, options);
    const plan = planPlaceholders({ pool, pods: own, wanted, setbacks: setbacks.get(key) ?? new Map() }, now);
    for (const pod of plan.remove) await remove(key, pod);
    for (const pod of plan.create) {
      if (!(await create(pool, pod, ctx))) return { requeueAfterMs: REFUSED_MS, reason: 'PlaceholderRefused' };
    }
    if (plan.wakeAt === undefined) return undefined;
    return { requeueAfterMs: Math.max(1_000, plan.wakeAt - now), reason: 'NextPlaceholder' };
  }

  manager.addController({
    name: 'placeholder',
    for: BuilderPools,
    forPredicate: (old, now) =>
      old?.metadata.generation !== now?.metadata.generation ||
      old?.metadata.deletionTimestamp !== now?.metadata.deletionTimestamp,
    watches: [watching({ type: Pods, map: poolOf }), watching({ type: Chroots, map: () => pools.list().map(keyOf) })],
    workers: 2,
    reconcile,
    rbac: placeholderRbac,
  });
}

/** Key of the pool whose placeholder it is. */
function poolOf(pod: Pod): string[] {
  if (pod.metadata.labels?.[LABELS.name] !== PLACEHOLDER) return [];
  const owner = controllerOf(pod);
  return owner?.kind === 'BuilderPool' ? [`${pod.metadata.namespace ?? ''}/${owner.name}`] : [];
}
