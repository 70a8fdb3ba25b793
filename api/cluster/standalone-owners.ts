import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { Namespaces } from '../../operator/core.ts';
import { ObjectStore } from '../../operator/store.ts';
import { FreshStore } from './fresh-store.ts';
import type { TemplateObject } from './owner-template.ts';
import { ownerNamespaces } from './owners.ts';
import { ownersOf } from './projects.ts';
import type { OwnerNamespaces } from './world.ts';

/** For a process that makes one or two owners and ends, such as a command line: one list instead of caches. */
export async function standaloneOwners(options: {
  client: ApiClient;
  clock: Clock;
  log: Logger;
  template: readonly TemplateObject[];
  /** The namespaces of the release and of builds. */
  reserved: readonly string[];
}): Promise<OwnerNamespaces> {
  const { client, clock, log, template, reserved } = options;
  const { items, resourceVersion } = await client.list(Namespaces, { timeoutMs: 15_000 });
  const store = new ObjectStore<(typeof items)[number]>(log);
  await store.replace(items, '');
  store.observe('', resourceVersion);
  const namespaces = new FreshStore(store, clock);
  const lookups = { namespaceOf: (owner: string) => ownersOf(namespaces.list()).get(owner) };
  return ownerNamespaces({ client, namespaces, lookups, template, reserved });
}
