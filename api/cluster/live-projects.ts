import { objectNameFor } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { translated } from './errors.ts';
import type { FreshStore } from './fresh-store.ts';
import type { LiveLookups, ProjectLookups } from './world.ts';

const TIMEOUT_MS = 5_000;

export interface LiveLookupDeps {
  client: ApiClient;
  projects: FreshStore<Project>;
  lookups: ProjectLookups;
}

export function liveLookups({ client, projects, lookups }: LiveLookupDeps): LiveLookups {
  return {
    async findProject(owner, name, signal) {
      const known = lookups.project(owner, name);
      const namespace = lookups.namespaceOf(owner);
      if (known !== undefined || namespace === undefined) return known;
      const key = `${namespace}/${objectNameFor(name)}`;
      const found = await translated(`Project ${owner}/${name}`, () =>
        client.get(Projects, key, { signal, timeoutMs: TIMEOUT_MS }),
      );
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return undefined;
      projects.wrote(found);
      return lookups.project(owner, name);
    },
  };
}
