/**
 * Build: from a submission to published packages.
 *
 *   (no id) ── take a number ──▶ waiting ── project and directory ready, `after` and `afterBatch` ended ──▶ source stage
 *   what it refers to is missing, is wrong, or waits for it (AfterCycle, BatchIsItself) ──▶ Complete, Succeeded=False
 *   source stage failed ──▶ Complete, Succeeded=False
 *   source stage succeeded ──▶ one binary stage a chroot (or skipped by Exclusive/ExcludeArch)
 *   every binary stage ended ──▶ Complete, Succeeded = none failed
 *   spec.cancelled ──▶ cancel the stages ──▶ Complete, Succeeded=False, state canceled
 *
 * Stages are ChrootBuilds with names that follow from the Build: a second run creates nothing twice.
 */
import type { Build, BuildStatus } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import { Chroots, chrootObjectName } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { BUILD_COUNTER, batchOf, labelNumber, numberOf } from '../../crds/names.ts';
import type { Package } from '../../crds/package.ts';
import { Packages } from '../../crds/package.ts';
import { Projects } from '../../crds/project.ts';
import { isComplete } from '../../crds/states.ts';
import { isConflict } from '../../operator/apiError.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import { createCounter } from '../../operator/counter.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { controllerOf, keyOf, ownerKeys } from '../../operator/resource.ts';
import { labelKey, labelKeys } from '../package/label.ts';
import { announce } from '../shared/announce.ts';
import { createOnce } from '../shared/create.ts';
import { chrootBuildName, fieldManager, sourceBuildName } from '../shared/names.ts';
import { isOwnStatus } from '../shared/own-status.ts';
import { patchIncarnation } from '../shared/patch.ts';
import { cycleOf } from './cycle.ts';
import { waitedFor } from './order.ts';
import type { BuildPlan } from './plan.ts';
import { planBuild } from './plan.ts';
import type { BuildWorld } from './world.ts';

export const buildRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['builds'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builds/status'], verbs: ['patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builds/finalizers'], verbs: ['update'], scope: 'cluster' },
  {
    group: 'kopr.dev',
    resources: ['chrootbuilds'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    scope: 'cluster',
  },
  {
    group: 'kopr.dev',
    resources: ['projects', 'packages', 'chroots'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
  { group: '', resources: ['configmaps'], verbs: ['create'], scope: 'release' },
  { group: '', resources: ['configmaps'], verbs: ['get', 'patch'], resourceNames: [BUILD_COUNTER], scope: 'release' },
];

const MANAGER = fieldManager('build');
/** How often a Build tells of its stages, as long as none waits for what is new. */
const PROGRESS_MS = 2_000;

export function addBuildController(manager: Manager, options: { releaseNamespace: string; workers: number }): void {
  const builds = manager.store(Builds);
  const chrootBuilds = manager.store(ChrootBuilds);
  const chroots = manager.store(Chroots);
  const projects = manager.store(Projects);
  const packages = manager.store(Packages);
  const ids = createCounter(manager.client, {
    namespace: options.releaseNamespace,
    name: BUILD_COUNTER,
    highest: () => builds.list().reduce((highest, build) => Math.max(highest, numberOf(build) ?? 0), 0),
  });
  manager.addIndex(Builds, 'project', (build) => [`${build.metadata.namespace}/${build.spec.project}`]);
  manager.addIndex(Builds, 'after', (build) =>
    (build.spec.after ?? []).map((name) => `${build.metadata.namespace}/${name}`),
  );
  manager.addIndex(Builds, 'of package', (build) =>
    build.spec.package === undefined ? [] : [`${build.metadata.namespace}/${build.spec.package}`],
  );
  manager.addIndex(Builds, 'batch', (build) => numbered(batchOf(build)));
  manager.addIndex(Builds, 'after batch', (build) => numbered(build.spec.afterBatch));
  manager.addIndex(Builds, 'reason', (build) => [build.status?.reason ?? '']);
  manager.addIndex(ChrootBuilds, 'owner', (child) => [controllerOf(child)?.uid ?? '']);

  /** Unfinished Builds that one waits for. Each batch is gone through once: those of it are known then. */
  function predecessors(): (build: Build) => Build[] {
    const batches = new Set<number>();
    return (build) => {
      const { after = [], afterBatch } = build.spec;
      const named = after.map((name) => builds.get(`${build.metadata.namespace}/${name}`));
      const open = named.filter((other) => other !== undefined && !isComplete(other)) as Build[];
      if (afterBatch === undefined || batches.has(afterBatch)) return open;
      batches.add(afterBatch);
      return [...open, ...batchBefore(build)];
    };
  }

  function batchBefore(build: Build): Build[] {
    const { afterBatch } = build.spec;
    return afterBatch === undefined ? [] : waitedFor(build, afterBatch, builds.byIndex('batch', String(afterBatch)));
  }

  function packageOf(build: Build): Package | undefined {
    const { namespace } = build.metadata;
    if (build.spec.package !== undefined) return packages.get(`${namespace}/${build.spec.package}`);
    return labelKeys(build)
      .flatMap((label) => packages.byIndex('label', label))
      .find((pkg) => pkg.spec.project === build.spec.project);
  }

  function observe(build: Build): BuildWorld {
    const namespace = build.metadata.namespace ?? '';
    const project = projects.get(`${namespace}/${build.spec.project}`);
    const children = chrootBuilds.byIndex('owner', build.metadata.uid ?? '');
    const begun = children.length > 0;
    const names = [
      sourceBuildName(build.metadata.name),
      ...(project?.spec.chroots ?? []).map((chroot) => chrootBuildName(build.metadata.name, chroot)),
    ];
    const found = names.map((name) => chrootBuilds.get(`${namespace}/${name}`)).filter((child) => child !== undefined);
    const strangers = found.filter((child) => controllerOf(child)?.uid !== build.metadata.uid);
    const after = (build.spec.after ?? []).map((name) => builds.get(`${namespace}/${name}`));
    const known = (project?.spec.chroots ?? [])
      .concat(build.spec.chroots ?? [])
      .concat(children.filter((child) => child.spec.stage === 'binary').map((child) => child.spec.chroot))
      .map((name) => chroots.get(chrootObjectName(name)));
    return {
      build,
      project,
      package: packageOf(build),
      owner: children.find((child) => child.spec.stage === 'source')?.spec.owner ?? project?.status?.owner,
      cycle: begun ? undefined : cycleOf(build, predecessors()),
      chroots: new Map(known.filter((chroot) => chroot !== undefined).map((chroot) => [chroot.spec.name, chroot])),
      children,
      strangers,
      after: new Map(after.filter((other) => other !== undefined).map((other) => [other.metadata.name, other])),
      batch: begun ? [] : batchBefore(build),
    };
  }

  /** The end of the sources, which all others wait for, and that of the last stage. */
  function endsAll(old: ChrootBuild | undefined, now: ChrootBuild): boolean {
    if (isComplete(old) === isComplete(now)) return false;
    if (now.spec.stage === 'source') return true;
    const all = chrootBuilds.byIndex('owner', controllerOf(now)?.uid ?? '');
    return all.every((stage) => isComplete(stage) || stage.metadata.uid === now.metadata.uid);
  }

  async function apply(build: Build, plan: BuildPlan, ctx: ReconcileContext): Promise<void> {
    for (const child of plan.create) await createOnce(manager.client, ChrootBuilds, child);
    for (const child of plan.cancel) {
      await patchIncarnation(manager.client, ChrootBuilds, child, { spec: { cancelled: true } });
    }
    if (plan.status !== undefined)
      await manager.applyStatus(Builds, withStatus(build, plan.status), { manager: MANAGER });
    announce({ log: ctx.log, events: manager.events }, build, 'build moved on', plan.notes);
  }

  /**
   * The number is written under the condition that nobody has changed the Build since it was read: a stale cache
   * must not give a second number to a Build that has one.
   */
  async function allocateID(build: Build): Promise<void> {
    const current = await manager.client.get(Builds, keyOf(build));
    if (current === undefined || current.metadata.uid !== build.metadata.uid || current.status?.id !== undefined)
      return;
    // The REST API has taken a number already; an admission policy keeps everybody else from that label.
    const id = labelNumber(current) ?? (await ids.next());
    try {
      await manager.client.apply(Builds, withStatus(current, { state: 'pending', reason: 'Accepted', id }), {
        manager: MANAGER,
        subresource: 'status',
        resourceVersion: current.metadata.resourceVersion ?? '',
      });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const build = builds.get(key);
    if (build === undefined) return undefined;
    const plan = planBuild(observe(build), ctx.clock.now());
    if (plan.allocateID) {
      await allocateID(build);
      return undefined;
    }
    await apply(build, plan, ctx);
    if (plan.requeueAfterMs === undefined) return undefined;
    return { requeueAfterMs: plan.requeueAfterMs, reason: plan.status?.reason ?? 'Waiting' };
  }

  manager.addController({
    name: 'build',
    for: Builds,
    forPredicate: (old, now) => !isOwnStatus(old, now, ({ status }) => status?.id),
    watches: [
      watching({
        type: ChrootBuilds,
        map: ownerKeys(Builds),
        paceMs: (old, now) => (now !== undefined && !endsAll(old, now) ? PROGRESS_MS : 0),
        background: (_old, now) => now !== undefined && (now.status?.phase ?? 'Waiting') === 'Waiting',
      }),
      watching({ type: Projects, map: (project) => builds.byIndex('project', keyOf(project)).map(keyOf) }),
      // A GitOps tool may apply them after the Builds that name them.
      watching({
        type: Packages,
        map: (pkg) =>
          [...builds.byIndex('of package', keyOf(pkg)), ...builds.byIndex('package', labelKey(pkg))]
            .filter((build) => !isComplete(build))
            .map(keyOf),
      }),
      watching({ type: Chroots, map: () => builds.byIndex('reason', 'ChrootNotFound').map(keyOf) }),
      watching({ type: Builds, map: (other) => builds.byIndex('after', keyOf(other)).map(keyOf) }),
      watching({
        type: Builds,
        map: (other) =>
          numbered(batchOf(other)).flatMap((batch) =>
            builds
              .byIndex('after batch', batch)
              .filter((build) => !isComplete(build))
              .map(keyOf),
          ),
        // A batch may be large, and many may wait for it: only what changes whether it is over wakes them.
        predicate: (old, now) =>
          old === undefined ||
          now === undefined ||
          isComplete(old) !== isComplete(now) ||
          batchOf(old) !== batchOf(now),
      }),
    ],
    workers: options.workers,
    reconcile,
    rbac: buildRbac,
  });
}

function numbered(batch: number | undefined): string[] {
  return batch === undefined ? [] : [String(batch)];
}

function withStatus(build: Build, status: BuildStatus): Build {
  const { name, namespace } = build.metadata;
  return { apiVersion: API_VERSION, kind: 'Build', metadata: { name, namespace: namespace ?? '' }, status } as Build;
}
