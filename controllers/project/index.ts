/**
 * Project: one signed repository a chroot, kept in step with the spec.
 *
 *   ── finalizer ──▶ ask the publisher for repositories and key ── working ──▶ Ready=False, ask again
 *                                                               ── done ──▶ Ready=True with URLs and key
 *   a stage reports a newer repository generation ──▶ ask again, refresh counts
 *   owner not valid, chroot unknown ──▶ Ready=False with the sentence that says so
 *   deleted ──▶ delete its Builds ──▶ delete repositories and sources (or retain) ──▶ remove finalizer
 */
import { Builds } from '../../crds/build.ts';
import { Chroots, chrootObjectName } from '../../crds/chroot.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { OWNER_ANNOTATION, ownerConflict, ownerOf } from '../../crds/owner.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import { Namespaces } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { announce, readyNote } from '../shared/announce.ts';
import { fieldManager } from '../shared/names.ts';
import { oneSentence } from '../shared/notes.ts';
import type { Services } from '../shared/services.ts';
import type { ProjectPlan } from './plan.ts';
import { CREATING, FINALIZER, planProject } from './plan.ts';
import type { ProjectWorld } from './world.ts';

export const projectRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['projects'], verbs: ['get', 'list', 'watch', 'patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['projects/status'], verbs: ['patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builds'], verbs: ['get', 'list', 'watch', 'delete'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['chrootbuilds', 'chroots'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
];

const MANAGER = fieldManager('project');
const DELETING_POLL_MS = 2_000;

export function addProjectController(manager: Manager, options: { services: Services; workers: number }): void {
  const { services } = options;
  const projects = manager.store(Projects);
  const builds = manager.store(Builds);
  const chrootBuilds = manager.store(ChrootBuilds);
  const chroots = manager.store(Chroots);
  const namespaces = manager.store(Namespaces);
  manager.addIndex(Projects, 'chroot', (project) => project.spec.chroots.map(chrootObjectName));
  manager.addIndex(ChrootBuilds, 'published', (stage) =>
    stage.status?.repoGeneration === undefined ? [] : [`${stage.metadata.namespace}/${stage.spec.project}`],
  );

  function observe(project: Project): ProjectWorld {
    const key = keyOf(project);
    const namespace = namespaces.get(project.metadata.namespace ?? '');
    const published = new Map<string, number>();
    for (const stage of chrootBuilds.byIndex('published', key)) {
      const generation = Math.max(published.get(stage.spec.chroot) ?? 0, stage.status?.repoGeneration ?? 0);
      published.set(stage.spec.chroot, generation);
    }
    const known = project.spec.chroots
      .map((name) => chroots.get(chrootObjectName(name)))
      .filter((c) => c !== undefined);
    return {
      project,
      owner: namespace ? ownerOf(namespace) : { problem: 'its namespace is gone' },
      conflict: namespace && ownerConflict(namespace, namespaces.list()),
      chroots: new Map(known.map((chroot) => [chroot.spec.name, chroot])),
      builds: builds.byIndex('project', key),
      published,
    };
  }

  async function askPublisher(
    project: Project,
    plan: ProjectPlan & { step: 'ensureRepositories' },
    ctx: ReconcileContext,
  ): Promise<NonNullable<ProjectWorld['repositories']>> {
    try {
      const answer = await services.ensureRepositories(plan.owner, project.metadata.name, plan.request, ctx.signal);
      return answer ?? 'pending';
    } catch (error) {
      if (error instanceof TerminalError) return { refused: { code: error.code, message: error.message } };
      if (ctx.signal.aborted) throw error;
      const problem = oneSentence(errorMessage(error), 500);
      ctx.log.warn({ project: keyOf(project), problem }, 'publisher did not answer');
      return { unavailable: problem };
    }
  }

  async function apply(project: Project, plan: ProjectPlan, ctx: ReconcileContext): Promise<ReconcileResult> {
    const { finalizers = [] } = project.metadata;
    switch (plan.step) {
      case 'nothing':
      case 'ensureRepositories':
        return undefined;
      case 'addFinalizer':
        await manager.client.patchFinalizers(Projects, project, [...finalizers, FINALIZER]);
        return undefined;
      case 'removeFinalizer':
        await manager.client.patchFinalizers(
          Projects,
          project,
          finalizers.filter((name) => name !== FINALIZER),
        );
        ctx.log.info({ project: keyOf(project) }, 'project deleted');
        return undefined;
      case 'deleteBuilds':
        for (const build of plan.builds) {
          await manager.client.delete(Builds, keyOf(build), {
            uid: build.metadata.uid ?? '',
            propagationPolicy: 'Foreground',
          });
        }
        return { requeueAfterMs: DELETING_POLL_MS, reason: 'DeletingBuilds' };
      case 'deleteRepositories': {
        const gone = await services.deleteProject(plan.owner, project.metadata.name, ctx.signal);
        if (!gone) return { requeueAfterMs: DELETING_POLL_MS, reason: 'DeletingRepositories' };
        return apply(project, { step: 'removeFinalizer' }, ctx);
      }
      case 'status':
        await tell(project, plan.status, ctx);
        return plan.requeueAfterMs === undefined
          ? undefined
          : { requeueAfterMs: plan.requeueAfterMs, reason: plan.status.ready ?? 'Waiting' };
    }
  }

  async function tell(project: Project, status: NonNullable<Project['status']>, ctx: ReconcileContext): Promise<void> {
    const { name, namespace } = project.metadata;
    const metadata = { name, namespace: namespace ?? '' };
    await manager.applyStatus(
      Projects,
      { apiVersion: API_VERSION, kind: 'Project', metadata, status },
      { manager: MANAGER },
    );
    const notes = readyNote(project.status, status, [CREATING]);
    announce({ log: ctx.log, events: manager.events }, project, 'project changed', notes);
  }

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const project = projects.get(key);
    if (project === undefined) return undefined;
    const world = observe(project);
    const plan = planProject(world, ctx.clock.now());
    if (plan.step !== 'ensureRepositories') return apply(project, plan, ctx);
    const repositories = await askPublisher(project, plan, ctx);
    return apply(project, planProject({ ...world, repositories }, ctx.clock.now()), ctx);
  }

  const keyOfProject = (object: { metadata: { namespace?: string }; spec: { project: string } }): string[] => [
    `${object.metadata.namespace}/${object.spec.project}`,
  ];
  manager.addController({
    name: 'project',
    for: Projects,
    watches: [
      watching({ type: Builds, map: keyOfProject }),
      watching({
        type: ChrootBuilds,
        map: keyOfProject,
        predicate: (old, now) => old?.status?.repoGeneration !== now?.status?.repoGeneration,
      }),
      watching({
        type: Namespaces,
        map: (namespace) => projects.list(namespace.metadata.name).map(keyOf),
        predicate: (old, now) =>
          old?.metadata.annotations?.[OWNER_ANNOTATION] !== now?.metadata.annotations?.[OWNER_ANNOTATION],
      }),
      watching({ type: Chroots, map: (chroot) => projects.byIndex('chroot', chroot.metadata.name).map(keyOf) }),
    ],
    workers: options.workers,
    reconcile,
    rbac: projectRbac,
  });
}
