/**
 * Project: one signed repository a chroot, kept in step with the spec.
 *
 *   (no id) ── take a number ──▶ finalizer ──▶ ask the publisher for repositories and key
 *                                                ── working ──▶ Ready=False, ask again
 *                                                ── done ──▶ Ready=True with URLs and key
 *   a stage reports a newer repository generation, a new wish for regeneration ──▶ ask again, refresh counts
 *   a Build names a directory that is not there ──▶ ask for its repositories, too ──▶ status.directories
 *   owner not valid, name taken by an older Project, chroot unknown ──▶ Ready=False with the sentence that says so
 *   expired and no Build runs ──▶ delete itself; one that a GitOps tool owns stays, and says so
 *   deleted ──▶ delete its Builds ──▶ delete repositories, directories and sources (or retain) ──▶ remove finalizer
 */
import { Builds } from '../../crds/build.ts';
import { Chroots, chrootObjectName } from '../../crds/chroot.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { labelNumber, numberOf, PROJECT_COUNTER, projectNameOf } from '../../crds/names.ts';
import { OWNER_ANNOTATION, ownerConflict, ownerOf } from '../../crds/owner.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import { isConflict } from '../../operator/apiError.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import { Namespaces } from '../../operator/core.ts';
import { createCounter } from '../../operator/counter.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { announce, readyNote } from '../shared/announce.ts';
import { dirnameOfStage, fieldManager } from '../shared/names.ts';
import { isOwnStatus } from '../shared/own-status.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import type { Services } from '../shared/services.ts';
import { nameConflict } from './names.ts';
import type { ProjectPlan } from './plan.ts';
import { CREATING, FINALIZER, planProject } from './plan.ts';
import { askPublisher } from './repositories.ts';
import type { ProjectWorld } from './world.ts';

export const projectRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['projects'], verbs: ['get', 'list', 'watch', 'patch', 'delete'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['projects/status'], verbs: ['patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builds'], verbs: ['get', 'list', 'watch', 'delete'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['chrootbuilds', 'chroots'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: '', resources: ['configmaps'], verbs: ['create'], scope: 'release' },
  { group: '', resources: ['configmaps'], verbs: ['get', 'patch'], resourceNames: [PROJECT_COUNTER], scope: 'release' },
];

const MANAGER = fieldManager('project');
/** How often it counts its builds. */
const COUNTS_MS = 5_000;
const DELETING_POLL_MS = 2_000;

export interface ProjectOptions {
  services: Services;
  /** Namespace of the counter that numbers are taken from. */
  releaseNamespace: string;
  workers: number;
}

export function addProjectController(manager: Manager, options: ProjectOptions): void {
  const { services } = options;
  const projects = manager.store(Projects);
  const builds = manager.store(Builds);
  const chrootBuilds = manager.store(ChrootBuilds);
  const chroots = manager.store(Chroots);
  const namespaces = manager.store(Namespaces);
  const ids = createCounter(manager.client, {
    namespace: options.releaseNamespace,
    name: PROJECT_COUNTER,
    highest: () => projects.list().reduce((highest, project) => Math.max(highest, numberOf(project) ?? 0), 0),
  });
  manager.addIndex(Projects, 'name', (project) => [nameKey(project)]);
  manager.addIndex(Projects, 'chroot', (project) => project.spec.chroots.map(chrootObjectName));
  manager.addIndex(ChrootBuilds, 'published', (stage) =>
    stage.status?.repoGeneration === undefined ? [] : [`${stage.metadata.namespace}/${stage.spec.project}`],
  );

  function observe(project: Project): ProjectWorld {
    const key = keyOf(project);
    const namespace = namespaces.get(project.metadata.namespace ?? '');
    const published = new Map<string, number>();
    for (const stage of chrootBuilds.byIndex('published', key)) {
      // Directories have repositories of their own.
      if (dirnameOfStage(stage).includes(':')) continue;
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
      nameTaken: nameConflict(project, projects.byIndex('name', nameKey(project))),
      chroots: new Map(known.map((chroot) => [chroot.spec.name, chroot])),
      builds: builds.byIndex('project', key),
      published,
    };
  }

  /**
   * Written under the condition that nobody has changed the Project since it was read: a stale cache must not give a
   * second number to one that has one. Other fields of the status are applied again: what is left out would be lost.
   */
  async function allocateID(project: Project): Promise<void> {
    const current = await manager.client.get(Projects, keyOf(project));
    if (current === undefined || current.metadata.uid !== project.metadata.uid || current.status?.id !== undefined)
      return;
    // The REST API has taken a number already; an admission policy keeps everybody else from that label.
    const id = labelNumber(current) ?? (await ids.next());
    const { name, namespace, resourceVersion } = current.metadata;
    const status = { ...current.status, id };
    const desired = {
      apiVersion: API_VERSION,
      kind: 'Project',
      metadata: { name, namespace: namespace ?? '' },
      status,
    };
    try {
      await manager.client.apply(Projects, desired, {
        manager: MANAGER,
        subresource: 'status',
        resourceVersion: resourceVersion ?? '',
      });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  /** As it was seen: whoever has given it more time meanwhile, keeps it. */
  async function expire(project: Project, ctx: ReconcileContext): Promise<void> {
    const { uid = '', resourceVersion = '' } = project.metadata;
    try {
      await manager.client.delete(Projects, keyOf(project), { uid, resourceVersion, propagationPolicy: 'Background' });
    } catch (error) {
      if (!isGoneOrOther(error)) throw error;
      return;
    }
    ctx.log.info({ project: keyOf(project) }, 'project has expired');
    manager.events.event(project, 'Normal', 'Expired', `its time was over at ${project.spec.expiresAt}`);
  }

  async function apply(project: Project, plan: ProjectPlan, ctx: ReconcileContext): Promise<ReconcileResult> {
    const { finalizers = [] } = project.metadata;
    switch (plan.step) {
      case 'nothing':
      case 'ensureRepositories':
        return undefined;
      case 'allocateID':
        await allocateID(project);
        return undefined;
      case 'expire':
        await expire(project, ctx);
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
        const gone = await services.deleteProject(plan.owner, plan.name, ctx.signal);
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
    const answers = await askPublisher(plan, { services, clock: ctx.clock, signal: ctx.signal });
    if (typeof answers.repositories === 'object' && 'unavailable' in answers.repositories) {
      ctx.log.warn({ project: key, problem: answers.repositories.unavailable }, 'publisher did not answer');
    }
    return apply(project, planProject({ ...world, ...answers }, ctx.clock.now()), ctx);
  }

  const keyOfProject = (object: { metadata: { namespace?: string }; spec: { project: string } }): string[] => [
    `${object.metadata.namespace}/${object.spec.project}`,
  ];
  manager.addController({
    name: 'project',
    for: Projects,
    // Counts that were told would else be the reason to count again.
    forPaceMs: (old, now) => (isOwnStatus(old, now, ({ status }) => [status?.id, status?.ready]) ? COUNTS_MS : 0),
    watches: [
      watching({ type: Builds, map: keyOfProject, paceMs: () => COUNTS_MS }),
      // Whoever waits for a name hears when it is free.
      watching({
        type: Projects,
        map: (project) => projects.byIndex('name', nameKey(project)).map(keyOf),
        predicate: (old, now) => old === undefined || now === undefined,
      }),
      watching({
        type: ChrootBuilds,
        map: keyOfProject,
        // At once: the stage may be gone with its Build a second later, and what it says of its repository with it.
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

function nameKey(project: Project): string {
  return `${project.metadata.namespace}/${projectNameOf(project)}`;
}
