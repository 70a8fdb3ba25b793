/** Takes rows out of the database whose Project or Package object is gone. */
import { packageNameOf } from '../../crds/names.ts';
import { Packages } from '../../crds/package.ts';
import { Projects } from '../../crds/project.ts';
import type { PackageRow, ProjectRow } from '../db/database.ts';
import type { ArchiverOptions } from './archiver.ts';
import { projectKey } from './plan.ts';

export interface Sweep {
  /** Sweeps with the beginning of a term, after a deletion, and every ten minutes. */
  ifDue(signal: AbortSignal): Promise<void>;
}

const EVERY_MS = 600_000;

export function createSweep(
  deps: Pick<ArchiverOptions, 'stores' | 'client' | 'db' | 'clock' | 'log'>,
  forget: (projectUID: string) => void,
): Sweep {
  const { stores, client, db, clock, log } = deps;
  let sizes = '';
  let nextAt = Number.NEGATIVE_INFINITY;

  /** The API itself writes rows of objects that this process's cache does not show yet: the API server is asked. */
  async function isProjectGone(row: ProjectRow): Promise<boolean> {
    const key = projectKey(row.namespace, row.objectName);
    if (stores.projects.get(key)?.metadata.uid === row.uid) return false;
    return (await client.get(Projects, key))?.metadata.uid !== row.uid;
  }

  async function isPackageGone(row: PackageRow, project: ProjectRow): Promise<boolean> {
    const objects = stores.packages.list(project.namespace).filter((pkg) => pkg.spec.project === project.objectName);
    if (objects.some((pkg) => packageNameOf(pkg) === row.name)) return false;
    const { items } = await client.list(Packages, {
      namespace: project.namespace,
      fieldSelector: `spec.project=${project.objectName}`,
    });
    return !items.some((pkg) => packageNameOf(pkg) === row.name);
  }

  async function sweepProjects(signal: AbortSignal): Promise<Map<string, ProjectRow>> {
    const left = new Map<string, ProjectRow>();
    for (const row of await db.projects.list()) {
      signal.throwIfAborted();
      if (!(await isProjectGone(row))) {
        left.set(row.uid, row);
        continue;
      }
      await db.projects.remove(row.uid);
      forget(row.uid);
      log.info({ owner: row.owner, project: row.name }, 'the history of a deleted project was deleted');
    }
    return left;
  }

  async function sweepPackages(projects: Map<string, ProjectRow>, signal: AbortSignal): Promise<void> {
    for (const row of await db.packages.declared()) {
      signal.throwIfAborted();
      const project = projects.get(row.projectUID);
      if (project === undefined || !(await isPackageGone(row, project))) continue;
      const built = stores.builds
        .list(project.namespace)
        .some((build) => build.spec.project === project.objectName && build.status?.package === row.name);
      await db.packages.undeclare(row.id, built);
      forget(row.projectUID);
    }
  }

  return {
    async ifDue(signal) {
      const now = `${stores.projects.size} ${stores.packages.size}`;
      const shrunk = now !== sizes;
      if (!shrunk && clock.monotonic() < nextAt) return;
      sizes = now;
      nextAt = clock.monotonic() + EVERY_MS;
      await sweepPackages(await sweepProjects(signal), signal);
    },
  };
}
