/**
 * Removal: builds go for good.
 *
 *   no such project, a build has not ended ──▶ Complete, Succeeded=False, state Refused
 *   ── ask the publisher ── working ──▶ ask again
 *                        ── nothing of them is published ──▶ delete their Build objects ──▶ Complete, state Removed
 *   ended an hour ago, and the history knows ──▶ deleted
 *
 * Every step may run twice: the publisher remembers removals by the uid of this object, and takes nothing of these
 * builds in any more.
 */
import { Builds } from '../../crds/build.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { ARCHIVED_ANNOTATION } from '../../crds/names.ts';
import { Projects } from '../../crds/project.ts';
import type { Removal, RemovalStatus } from '../../crds/removal.ts';
import { Removals } from '../../crds/removal.ts';
import { hasSucceeded } from '../../crds/states.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { announce } from '../shared/announce.ts';
import { patientAnswer } from '../shared/ask.ts';
import { fieldManager } from '../shared/names.ts';
import type { Services } from '../shared/services.ts';
import type { RemovalPlan, RemovalWorld } from './plan.ts';
import { namedBy, planRemoval } from './plan.ts';

export const removalRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['removals'], verbs: ['get', 'list', 'watch', 'delete'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['removals/status'], verbs: ['patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builds'], verbs: ['get', 'list', 'watch', 'delete'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['projects'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
];

const MANAGER = fieldManager('removal');

export interface RemovalControllerOptions {
  services: Services;
  /** required: a history records what is removed, and a Removal stays until it has. */
  archive: 'required' | 'none';
}

export function addRemovalController(manager: Manager, { services, archive }: RemovalControllerOptions): void {
  const removals = manager.store(Removals);
  const projects = manager.store(Projects);
  const builds = manager.store(Builds);
  manager.addIndex(Removals, 'project', (removal) => [`${removal.metadata.namespace}/${removal.spec.project}`]);

  function observe(removal: Removal): RemovalWorld {
    const project = `${removal.metadata.namespace}/${removal.spec.project}`;
    const recorded = removal.metadata.annotations?.[ARCHIVED_ANNOTATION] !== undefined;
    return {
      removal,
      project: projects.get(project),
      builds: namedBy(removal, builds.byIndex('project', project)),
      needed: archive === 'required' && hasSucceeded(removal) && !recorded,
    };
  }

  async function apply(removal: Removal, plan: RemovalPlan, ctx: ReconcileContext): Promise<ReconcileResult> {
    switch (plan.step) {
      case 'nothing':
      case 'remove':
        return undefined;
      case 'wait':
        return { requeueAfterMs: plan.requeueAfterMs, reason: 'Ended' };
      case 'delete':
        await manager.client.delete(Removals, keyOf(removal), { uid: removal.metadata.uid ?? '' });
        return undefined;
      case 'deleteBuilds':
        await tell(removal, plan.status);
        for (const build of plan.builds) {
          await manager.client.delete(Builds, keyOf(build), {
            uid: build.metadata.uid ?? '',
            propagationPolicy: 'Background',
          });
        }
        return { requeueAfterMs: plan.requeueAfterMs, reason: 'DeletingBuilds' };
      case 'status':
        await tell(removal, plan.status);
        announce({ log: ctx.log, events: manager.events }, removal, 'removal ended', plan.notes);
        return plan.requeueAfterMs === undefined
          ? undefined
          : { requeueAfterMs: plan.requeueAfterMs, reason: plan.status.state ?? 'Removing' };
    }
  }

  async function tell(removal: Removal, status: RemovalStatus): Promise<void> {
    const { name, namespace } = removal.metadata;
    const metadata = { name, namespace: namespace ?? '' };
    await manager.applyStatus(
      Removals,
      { apiVersion: API_VERSION, kind: 'Removal', metadata, status },
      { manager: MANAGER },
    );
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const removal = removals.get(key);
    if (removal === undefined) return undefined;
    const world = observe(removal);
    const plan = planRemoval(world, ctx.clock.now());
    if (plan.step !== 'remove') return apply(removal, plan, ctx);
    const { request } = plan;
    const name = removal.metadata.uid ?? '';
    const answer = await patientAnswer(() => services.removeBuilds(name, request, ctx.signal), ctx.signal);
    if (typeof answer === 'object' && 'unavailable' in answer)
      ctx.log.warn({ removal: key, problem: answer.unavailable }, 'publisher did not answer');
    return apply(removal, planRemoval({ ...world, answer }, ctx.clock.now()), ctx);
  }

  manager.addController({
    name: 'removal',
    for: Removals,
    watches: [
      watching({
        type: Builds,
        // Wakes the removal that waits for its Builds to be gone.
        map: (build) =>
          removals
            .byIndex('project', `${build.metadata.namespace}/${build.spec.project}`)
            .filter((removal) => namedBy(removal, [build]).length > 0)
            .map(keyOf),
      }),
    ],
    workers: 2,
    reconcile,
    rbac: removalRbac,
  });
}
