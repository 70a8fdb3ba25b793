/** The caches of the API: every kind it reads, of the whole cluster. */
import type { Registry } from 'prom-client';
import { type Build, Builds } from '../crds/build.ts';
import { type BuildQuota, BuildQuotas } from '../crds/buildquota.ts';
import { type Chroot, Chroots } from '../crds/chroot.ts';
import { type ChrootBuild, ChrootBuilds } from '../crds/chrootbuild.ts';
import { type Package, Packages } from '../crds/package.ts';
import { type Project, Projects } from '../crds/project.ts';
import { type Removal, Removals } from '../crds/removal.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from '../operator/apiClient.ts';
import { Caches } from '../operator/caches.ts';
import { type Namespace, Namespaces } from '../operator/core.ts';
import { reflectorMetrics } from '../operator/metrics.ts';
import type { ObjectStore } from '../operator/store.ts';
import { createTransform } from '../operator/transform.ts';

export interface Stores {
  projects: ObjectStore<Project>;
  packages: ObjectStore<Package>;
  builds: ObjectStore<Build>;
  chrootBuilds: ObjectStore<ChrootBuild>;
  chroots: ObjectStore<Chroot>;
  removals: ObjectStore<Removal>;
  buildQuotas: ObjectStore<BuildQuota>;
  namespaces: ObjectStore<Namespace>;
}

export interface CacheTools {
  client: ApiClient;
  clock: Clock;
  log: Logger;
  registry: Registry;
  random: () => number;
}

/** Nothing is read before `caches.start()`. */
export function createStores(tools: CacheTools): { caches: Caches; stores: Stores } {
  const { registry, ...deps } = tools;
  const caches = new Caches({ ...deps, metrics: reflectorMetrics(registry), transform: createTransform('kopr') });
  const stores: Stores = {
    projects: caches.store(Projects),
    packages: caches.store(Packages),
    builds: caches.store(Builds),
    chrootBuilds: caches.store(ChrootBuilds),
    chroots: caches.store(Chroots),
    removals: caches.store(Removals),
    buildQuotas: caches.store(BuildQuotas),
    namespaces: caches.store(Namespaces),
  };
  return { caches, stores };
}
