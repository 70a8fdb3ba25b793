/**
 * Retention: finished Builds have had their time.
 *
 *   finished, older than its time, not among the newest `keepLast` ──▶ deleted (its stages with it)
 *   the same, but owned by a GitOps tool ──▶ stays; only its stages are deleted
 *   the same, but not yet in the history, or another Build comes after it ──▶ looked at again
 *
 * Published packages are never touched. Keys are Projects; Builds whose Project is gone fall under the defaults.
 */
import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { ARCHIVED_ANNOTATION } from '../../crds/names.ts';
import { Projects } from '../../crds/project.ts';
import { isComplete } from '../../crds/states.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { planRetention } from './plan.ts';

export const retentionRbac: RbacRule[] = [
  {
    group: 'kopr.dev',
    resources: ['builds', 'chrootbuilds'],
    verbs: ['get', 'list', 'watch', 'delete'],
    scope: 'cluster',
  },
  { group: 'kopr.dev', resources: ['projects'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
];

/** A wake-up further away than this is split: timers of weeks are not worth trusting. */
const LONGEST_SLEEP_MS = 3_600_000;

/** @param options archive: "required" when a history records finished Builds, and none may go before that */
export function addRetentionController(manager: Manager, options: { archive: 'required' | 'none' }): void {
  const projects = manager.store(Projects);
  const builds = manager.store(Builds);
  const chrootBuilds = manager.store(ChrootBuilds);

  function isNeeded(build: Build): boolean {
    const recorded = build.metadata.annotations?.[ARCHIVED_ANNOTATION] !== undefined;
    if (options.archive === 'required' && !recorded) return true;
    return builds.byIndex('after', keyOf(build)).some((other) => !isComplete(other));
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const now = ctx.clock.now();
    const plan = planRetention(projects.get(key), builds.byIndex('project', key), isNeeded, now);
    for (const build of plan.expired) {
      await manager.client.delete(Builds, keyOf(build), {
        uid: build.metadata.uid ?? '',
        propagationPolicy: 'Background',
      });
      ctx.log.info({ build: keyOf(build) }, 'finished build deleted, its time is over');
    }
    for (const build of plan.strip) {
      for (const stage of chrootBuilds.byIndex('owner', build.metadata.uid ?? '')) {
        await manager.client.delete(ChrootBuilds, keyOf(stage), {
          uid: stage.metadata.uid ?? '',
          propagationPolicy: 'Background',
        });
      }
    }
    if (plan.next === undefined) return undefined;
    return { requeueAfterMs: Math.min(Math.max(1_000, plan.next - now), LONGEST_SLEEP_MS), reason: 'NextExpiry' };
  }

  manager.addController({
    name: 'retention',
    for: Projects,
    forPredicate: (old, now) => old?.metadata.generation !== now?.metadata.generation,
    watches: [
      watching({
        type: Builds,
        map: (build) => [`${build.metadata.namespace}/${build.spec.project}`],
        predicate: (_old, now) => isComplete(now),
      }),
    ],
    reconcile,
    rbac: retentionRbac,
  });
}
