import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';
import { ownerOf } from '../../crds/owner.ts';
import type { Project } from '../../crds/project.ts';
import type { Namespace } from '../../operator/core.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Store } from '../../operator/store.ts';
import type { SchedulerWorld } from './world.ts';

/** Indexes that the stores must have: of tickets by standOf, of projects by whether they are suspended. */
export const STAND = 'stand';
export const SUSPENDED = 'suspended';

/** Most tickets are closed ones, kept with their Builds: a cycle must not walk over them. */
export function standOf(ticket: BuilderTicket): 'open' | 'closing' | 'closed' {
  if (!ticket.spec.closed) return 'open';
  return ticket.status?.phase === 'Closed' ? 'closed' : 'closing';
}

export interface SchedulerStores {
  tickets: Store<BuilderTicket>;
  builders: Store<Builder>;
  pools: Store<BuilderPool>;
  quotas: Store<BuildQuota>;
  projects: Store<Project>;
  namespaces: Store<Namespace>;
}

/** Takes the snapshot of a cycle from the caches. */
export function createObserver(
  stores: SchedulerStores,
  { buildsNamespace, releaseNamespace }: { buildsNamespace: string; releaseNamespace: string },
): () => SchedulerWorld {
  return () => {
    const byOwner = new Map<string, BuildQuota['spec']>();
    let defaultQuota: BuildQuota['spec'] | undefined;
    for (const quota of stores.quotas.list()) {
      if (quota.metadata.namespace === releaseNamespace) {
        defaultQuota = quota.spec;
        continue;
      }
      const namespace = stores.namespaces.get(quota.metadata.namespace ?? '');
      const owner = namespace && ownerOf(namespace);
      if (owner !== undefined && 'owner' in owner) byOwner.set(owner.owner, quota.spec);
    }
    return {
      tickets: stores.tickets.byIndex(STAND, 'open').filter(({ metadata }) => metadata.deletionTimestamp === undefined),
      builders: stores.builders.list(buildsNamespace),
      pools: stores.pools.list(buildsNamespace),
      quotas: byOwner,
      defaultQuota,
      suspended: new Set(stores.projects.byIndex(SUSPENDED, 'true').map(keyOf)),
    };
  };
}
