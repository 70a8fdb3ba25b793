import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';
import { ownerOf } from '../../crds/owner.ts';
import type { Project } from '../../crds/project.ts';
import type { Namespace } from '../../operator/core.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Store } from '../../operator/store.ts';
import { TicketBook } from './book.ts';
import type { Quota, SchedulerWorld } from './world.ts';

/** Index that the store of projects must have: by whether they are suspended. */
export const SUSPENDED = 'suspended';

export interface SchedulerStores {
  tickets: Store<BuilderTicket>;
  builders: Store<Builder>;
  pools: Store<BuilderPool>;
  quotas: Store<BuildQuota>;
  projects: Store<Project>;
  namespaces: Store<Namespace>;
}

/** Takes the snapshot of a cycle from the caches. The tickets in it are those of the caches at any time. */
export function createObserver(
  stores: SchedulerStores,
  { buildsNamespace, releaseNamespace }: { buildsNamespace: string; releaseNamespace: string },
): () => SchedulerWorld {
  const tickets = new TicketBook();
  stores.tickets.subscribe(({ old, now }) => tickets.update(old, now));
  return () => {
    const quotas = new Map<string, Quota>();
    const namespaceQuotas = new Map<string, Quota>();
    let defaultQuota: Quota | undefined;
    for (const { metadata, spec } of stores.quotas.list()) {
      const { namespace = '' } = metadata;
      if (namespace === releaseNamespace) {
        defaultQuota = spec;
        continue;
      }
      namespaceQuotas.set(namespace, spec);
      const found = stores.namespaces.get(namespace);
      const owner = found && ownerOf(found);
      if (owner !== undefined && 'owner' in owner) quotas.set(owner.owner, spec);
    }
    return {
      tickets,
      builders: stores.builders.list(buildsNamespace),
      pools: stores.pools.list(buildsNamespace),
      quotas,
      namespaceQuotas,
      defaultQuota,
      suspended: new Set(stores.projects.byIndex(SUSPENDED, 'true').map(keyOf)),
    };
  };
}
