/** The cluster for the rest of the API; see world.ts for what it offers. */
import { BUILD_COUNTER, numberOf, PROJECT_COUNTER } from '../../crds/names.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { createCounter } from '../../operator/counter.ts';
import type { Stores } from '../kube.ts';
import { projectPlaceName } from '../mapping/project.ts';
import { buildWrites } from './build-writes.ts';
import { buildLookups, projectKey } from './builds.ts';
import type { NameField } from './errors.ts';
import { FreshStore } from './fresh-store.ts';
import { liveLookups } from './live-projects.ts';
import { otherLookups } from './others.ts';
import type { TemplateObject } from './owner-template.ts';
import { ownerNamespaces } from './owners.ts';
import { packageWrites } from './package-writes.ts';
import { projectWrites } from './project-writes.ts';
import { projectLookups } from './projects.ts';
import type { ClusterWorld } from './world.ts';

export type * from './world.ts';

export interface ClusterOptions {
  client: ApiClient;
  /** The caches of this process, not yet filled. */
  stores: Stores;
  clock: Clock;
  random: (bytes: number) => Buffer;
  releaseNamespace: string;
  buildsNamespace: string;
  /** Of owner-template.ts. */
  ownerTemplate: readonly TemplateObject[];
  /** What the API calls a place in a Project, for sentences. */
  nameField?: NameField;
  /** How long a project that is being deleted is waited for; default 30 s. */
  terminationMs?: number;
}

export function createClusterWorld(options: ClusterOptions): ClusterWorld {
  const { client, stores, clock, random, releaseNamespace } = options;
  const { nameField = projectPlaceName, terminationMs } = options;

  const namespaces = new FreshStore(stores.namespaces, clock);
  const projects = new FreshStore(stores.projects, clock);
  const builds = new FreshStore(stores.builds, clock);
  const chrootBuilds = new FreshStore(stores.chrootBuilds, clock);
  const packages = new FreshStore(stores.packages, clock);
  const chroots = new FreshStore(stores.chroots, clock);
  const removals = new FreshStore(stores.removals, clock);

  const lookups = projectLookups(projects, namespaces);
  const others = otherLookups({ packages, chroots, removals });
  const buildLookup = buildLookups({
    builds,
    chrootBuilds,
    client,
    projects: lookups,
    removals: others,
    onRemovalChange: (listener) => removals.onChange((removal) => listener(projectKey(removal))),
  });
  let highestProject = 0;
  projects.onChange((project) => {
    highestProject = Math.max(highestProject, numberOf(project) ?? 0);
  });
  const namespace = releaseNamespace;
  const buildNumbers = createCounter(client, { namespace, name: BUILD_COUNTER, highest: buildLookup.highest });
  const numbers = createCounter(client, { namespace, name: PROJECT_COUNTER, highest: () => highestProject });

  return {
    ...lookups,
    ...liveLookups({ client, projects, lookups }),
    ...others,
    ...buildLookup.lookups,
    ...projectWrites({ client, clock, store: projects, lookups, numbers, nameField, terminationMs }),
    ...buildWrites({ client, clock, builds, removals, numbers: buildNumbers, random }),
    ...packageWrites({ client, clock, store: packages, lookups }),
    owners: ownerNamespaces({
      client,
      namespaces,
      lookups,
      template: options.ownerTemplate,
      reserved: [releaseNamespace, options.buildsNamespace],
    }),
  };
}
