/** One term of the process that leads: passes of observe → plan → apply, one with each burst of changes. */
import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import type { Project } from '../../crds/project.ts';
import { Removals } from '../../crds/removal.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import { keyOf } from '../../operator/resource.ts';
import type { ProjectRow } from '../db/database.ts';
import { DatabaseAway } from '../db/errors.ts';
import { annotateArchived } from './annotate.ts';
import type { ArchiverOptions } from './archiver.ts';
import { STAGES_OF_BUILD } from './archiver.ts';
import type { ArchiveMetrics } from './metrics.ts';
import type { ArchivePlan } from './plan.ts';
import { packageKey, planArchive, projectKey } from './plan.ts';
import { hasAllStages, recordOf } from './row.ts';
import { createSweep } from './sweep.ts';
import type { Vanished } from './vanished.ts';
import type { Wake } from './wake.ts';

export interface TermOptions extends ArchiverOptions {
  metrics: ArchiveMetrics;
  vanished: Vanished;
  wake: Wake;
}

export interface Term {
  /** Ends with the signal. Throws DatabaseAway; what is left to do is found again by the next term. */
  run(signal: AbortSignal): Promise<void>;
}

/** Changes come in bursts, and a pass looks at all objects; nobody waits for the history while the cluster has them. */
const GATHER_MS = 200;
const IDLE_MS = 30_000;
/** After an object that could not be dealt with. */
const AGAIN_MS = 5_000;
const CHUNK = 500;

export function createTerm(options: TermOptions): Term {
  const { stores, client, db, clock, log, metrics, vanished } = options;
  const projects = new Map<string, ProjectRow>();
  const packages = new Set<string>();
  const done = new Set<string>();
  /** Uids of objects that could not be dealt with, and when their turn is (monotonic). */
  const later = new Map<string, number>();
  const sweep = createSweep({ stores, client, db, clock, log }, (uid) => forget(uid));

  function forget(projectUID: string): void {
    projects.delete(projectUID);
    for (const key of packages) if (key.startsWith(`${projectUID} `)) packages.delete(key);
  }

  function plan(): ArchivePlan {
    for (const [uid, at] of later) if (at <= clock.monotonic()) later.delete(uid);
    const world = {
      projects: stores.projects.list(),
      builds: stores.builds.list(),
      packages: stores.packages.list(),
      removals: stores.removals.list(),
    };
    return planArchive(world, { projects, packages, done: new Set([...done, ...later.keys()]) });
  }

  /** What goes wrong with one object must not keep the others from their history; a database that is away must. */
  async function attempt(uid: string, what: object, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof DatabaseAway) throw error;
      metrics.failed();
      later.set(uid, clock.monotonic() + AGAIN_MS);
      log.error({ ...what, error: errorMessage(error) }, 'the history could not be written; trying again');
    }
  }

  async function apply(planned: ArchivePlan, signal: AbortSignal): Promise<void> {
    for (const row of planned.putProjects) {
      signal.throwIfAborted();
      await attempt(row.uid, { project: `${row.owner}/${row.name}` }, async () => {
        await db.projects.put(row);
        projects.set(row.uid, row);
      });
    }
    const known = planned.ensurePackages.filter(({ projectUID }) => projects.has(projectUID));
    for (let at = 0; at < known.length; at += CHUNK) {
      signal.throwIfAborted();
      const chunk = known.slice(at, at + CHUNK);
      await attempt('packages', { packages: chunk.length }, async () => {
        await db.packages.ensureAll(chunk);
        for (const pkg of chunk) packages.add(packageKey(pkg));
      });
    }
    for (const { removal, projectUID } of planned.remove) {
      signal.throwIfAborted();
      const uid = removal.metadata.uid ?? '';
      await attempt(uid, { removal: keyOf(removal) }, async () => {
        if (projectUID !== undefined) await db.builds.remove(projectUID, removal.spec.builds);
        await annotateArchived(client, Removals, removal, toTimestamp(clock.now()));
        done.add(uid);
      });
    }
    for (const { build, project } of planned.record) {
      signal.throwIfAborted();
      const uid = build.metadata.uid ?? '';
      await attempt(uid, { build: keyOf(build) }, async () => {
        await record(build, project, await stagesOf(build));
        await annotateArchived(client, Builds, build, toTimestamp(clock.now()));
        done.add(uid);
      });
    }
  }

  async function record(build: Build, project: Project, stages: readonly ChrootBuild[]): Promise<boolean> {
    const recorded = recordOf(build, stages, project);
    if (recorded === undefined) return false;
    if (await db.builds.record(recorded)) {
      metrics.recorded();
      log.info({ build: keyOf(build), number: recorded.build.id }, 'build recorded');
    }
    return true;
  }

  /** The cache of stages may lag behind that of Builds; then the API server is asked. */
  async function stagesOf(build: Build): Promise<ChrootBuild[]> {
    const { uid = '', namespace = '', name } = build.metadata;
    const cached = stores.chrootBuilds.byIndex(STAGES_OF_BUILD, uid);
    if (hasAllStages(build, cached)) return cached;
    const { items } = await client.list(ChrootBuilds, { namespace, fieldSelector: `spec.build=${name}` });
    return items.filter((stage) => stage.metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false);
  }

  async function recordVanished(): Promise<void> {
    for (const entry of vanished.pending()) {
      const { build } = entry;
      const project = stores.projects.get(projectKey(build.metadata.namespace, build.spec.project));
      // By the time its project was deleted, or it was recorded and its annotation did not get here.
      if (project === undefined) vanished.settle(entry, 'of no interest');
      else
        await attempt(build.metadata.uid ?? '', { build: keyOf(build) }, async () => {
          vanished.settle(entry, (await record(build, project, entry.stages)) ? 'recorded' : 'lost');
        });
    }
  }

  /** What the cache shows as done (or gone) need not be remembered. */
  function tidy(): void {
    if (done.size < 1_000) return;
    const open = new Set<string>();
    for (const { metadata } of [...stores.builds.list(), ...stores.removals.list()]) {
      if (metadata.uid !== undefined && done.has(metadata.uid)) open.add(metadata.uid);
    }
    for (const uid of done) if (!open.has(uid)) done.delete(uid);
  }

  return {
    async run(signal) {
      for (const row of await db.projects.list()) projects.set(row.uid, row);
      for (;;) {
        await apply(plan(), signal);
        await recordVanished();
        await sweep.ifDue(signal);
        tidy();
        await options.wake.sleep(clock, later.size > 0 ? AGAIN_MS : IDLE_MS, signal);
        await clock.sleep(GATHER_MS, signal);
      }
    },
  };
}
