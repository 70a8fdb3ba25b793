/**
 * Plays the nodes and the garbage collector for the operator, with as many writes as the real ones make at least and
 * hardly any reads: what is measured is to be the operator.
 */

import { taskID } from '../../controllers/shared/names.ts';
import type { PublisherModel } from '../../controllers/testing/publisher.ts';
import { Builds } from '../../crds/build.ts';
import type { Builder } from '../../crds/builder.ts';
import { Builders, stageClaimOf } from '../../crds/builder.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import type { ReconcileResult } from '../../operator/controller.ts';
import type { Pod, PodStatus } from '../../operator/core.ts';
import { Pods, Secrets } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { KubeObject } from '../../operator/resource.ts';
import { controllerOf, keyOf } from '../../operator/resource.ts';
import type { Lives } from './lives.ts';
import { createLeft, SUCCEEDED, whileThere } from './lives.ts';

const FOREGROUND = 'foregroundDeletion';
const WORKERS = 16;

/** Nodes with the pods of builders. */
export function addNodes(manager: Manager, publisher: PublisherModel, lives: Lives): void {
  const pods = manager.store(Pods);
  const builders = manager.store(Builders);
  const left = createLeft();

  async function runPod(pod: Pod): Promise<ReconcileResult> {
    const phase = pod.status?.phase ?? 'Pending';
    if (phase === 'Succeeded' || phase === 'Failed') return undefined;
    const wait = phase === 'Pending' ? left(pod, phase, lives.startMs) : left(pod, phase, lives.buildMs);
    if (wait > 0) return { requeueAfterMs: wait, reason: phase };
    if (phase === 'Running') publisher.complete(taskOf(pod), { verdict: SUCCEEDED, files: [] });
    const status = phase === 'Running' ? ended() : running();
    await manager.client.mergePatch(Pods, keyOf(pod), { status }, { subresource: 'status' });
    return undefined;
  }

  function taskOf(pod: Pod): string {
    const builder = builders.get(`${pod.metadata.namespace}/${controllerOf(pod)?.name}`);
    const claim = builder && stageClaimOf(builder);
    if (claim === undefined) throw new Error(`the Builder of pod ${keyOf(pod)} is not seen yet`);
    return taskID({ metadata: claim.chrootBuild }, claim.attempt);
  }

  /** What its Builder owns goes first, one by one as the garbage collector does it. */
  async function collect(builder: Builder): Promise<void> {
    const { finalizers = [] } = builder.metadata;
    if (builder.metadata.deletionTimestamp === undefined || !finalizers.includes(FOREGROUND)) return;
    const pod = pods.get(keyOf(builder));
    if (pod !== undefined) {
      await manager.client.delete(Pods, keyOf(pod), { uid: pod.metadata.uid ?? '', gracePeriodSeconds: 0 });
      await manager.client.delete(Secrets, keyOf(builder));
    }
    const others = finalizers.filter((finalizer) => finalizer !== FOREGROUND);
    await manager.client.patchFinalizers(Builders, builder, others);
  }

  manager.addController({
    name: 'nodes',
    for: Pods,
    workers: WORKERS,
    reconcile: (key) => whileThere(pods.get(key), runPod),
    rbac: [],
  });
  manager.addController({
    name: 'collector',
    for: Builders,
    workers: WORKERS,
    reconcile: (key) => whileThere(builders.get(key), collect),
    rbac: [],
  });
}

/** Of a Build that is gone its stages go, with their tickets. */
export function collectStages(manager: Manager): void {
  const OWNED = 'collected with';
  const byOwner = (object: KubeObject): string[] => [controllerOf(object)?.uid ?? ''];
  const stages = manager.store(ChrootBuilds);
  const tickets = manager.store(BuilderTickets);
  manager.addIndex(ChrootBuilds, OWNED, byOwner);
  manager.addIndex(BuilderTickets, OWNED, byOwner);
  manager.store(Builds).subscribe(({ old, now }) => {
    if (now !== undefined || old === undefined) return;
    for (const stage of stages.byIndex(OWNED, old.metadata.uid ?? ''))
      void manager.client.delete(ChrootBuilds, keyOf(stage));
  });
  stages.subscribe(({ old, now }) => {
    if (now !== undefined || old === undefined) return;
    for (const ticket of tickets.byIndex(OWNED, old.metadata.uid ?? '')) {
      void manager.client.delete(BuilderTickets, keyOf(ticket));
    }
  });
}

const CONTAINER = { name: 'build', restartCount: 0, image: 'image', imageID: '' };

function running(): PodStatus {
  const startedAt = toTimestamp(systemClock.now());
  return { phase: 'Running', containerStatuses: [{ ...CONTAINER, ready: true, state: { running: { startedAt } } }] };
}

function ended(): PodStatus {
  const now = toTimestamp(systemClock.now());
  const terminated = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now };
  return { phase: 'Succeeded', containerStatuses: [{ ...CONTAINER, ready: false, state: { terminated } }] };
}
