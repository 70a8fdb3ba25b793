import { createHash } from 'node:crypto';
import { packageNameOf } from '../../crds/names.ts';
import type { Package } from '../../crds/package.ts';
import { Packages } from '../../crds/package.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { isAlreadyExists } from '../../operator/apiError.ts';
import { keyOf } from '../../operator/resource.ts';
import { conflict } from '../http/errors.ts';
import { translated } from './errors.ts';
import type { FreshStore } from './fresh-store.ts';
import { patchWithRetry, WRITE_MS } from './patching.ts';
import type { NewPackage, ProjectLookups, Writes } from './world.ts';

type PackageWrites = Pick<Writes, 'createPackage' | 'patchPackage' | 'deletePackage'>;

export interface PackageWriteDeps {
  client: ApiClient;
  clock: Clock;
  store: FreshStore<Package>;
  lookups: ProjectLookups;
}

export function packageWrites({ client, clock, store, lookups }: PackageWriteDeps): PackageWrites {
  function whatOf(pkg: Package): string {
    const project = lookups.projectByObject(pkg.metadata.namespace ?? '', pkg.spec.project);
    return `Package ${packageNameOf(pkg)} of ${project?.fullName ?? pkg.spec.project}`;
  }

  return {
    createPackage({ project, name, spec }: NewPackage, signal) {
      const what = `Package ${name}`;
      const { name: projectName, namespace = '' } = project.project.metadata;
      const metadata = { name: packageObjectName(projectName, name), namespace };
      const draft = { metadata, spec: { ...spec, project: projectName, name } };
      return translated(what, async () => {
        try {
          return store.wrote(await client.create(Packages, draft, { signal, timeoutMs: WRITE_MS }));
        } catch (error) {
          if (!isAlreadyExists(error)) throw error;
          throw conflict(`Package ${name} already exists in ${project.fullName}.`);
        }
      });
    },

    patchPackage(pkg, change, signal) {
      const what = whatOf(pkg);
      return translated(what, () =>
        patchWithRetry({ client, clock, type: Packages, store, what, signal }, pkg, change),
      );
    },

    deletePackage(pkg, signal) {
      return translated(whatOf(pkg), async () => {
        const uid = pkg.metadata.uid ?? '';
        await client.delete(Packages, keyOf(pkg), { uid, signal, timeoutMs: WRITE_MS });
        store.deleted(pkg);
      });
    },
  };
}

/** Packages of all projects of an owner share a namespace; the same package of two projects needs two objects. */
export function packageObjectName(projectObject: string, name: string): string {
  const digest = createHash('sha256').update(`${projectObject}/${name}`).digest('hex').slice(0, 10);
  const kept = `${projectObject}-${name}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 100)
    .replace(/^-+|-+$/g, '');
  return `${kept}-${digest}`;
}
