/** Builds with their stages, from the caches. */
import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { batchOf, ID_LABEL, numberOf } from '../../crds/names.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { keyOf } from '../../operator/resource.ts';
import { translated } from './errors.ts';
import type { FreshStore } from './fresh-store.ts';
import type { BuildLookups, OtherLookups, ProjectLookups, ProjectView } from './world.ts';

const TIMEOUT_MS = 5_000;

export interface BuildStores {
  builds: FreshStore<Build>;
  chrootBuilds: FreshStore<ChrootBuild>;
}

export interface BuildLookupDeps extends BuildStores {
  client: ApiClient;
  projects: ProjectLookups;
  removals: Pick<OtherLookups, 'isBeingRemoved'>;
  /** Calls back with the key of a project (as projectKey gives it) whose Removals have changed. */
  onRemovalChange(listener: (projectKey: string) => void): void;
}

/** `namespace/object name` of the Project that something belongs to. */
export function projectKey(obj: { metadata: { namespace?: string }; spec: { project: string } }): string {
  return `${obj.metadata.namespace}/${obj.spec.project}`;
}

export function buildLookups(deps: BuildLookupDeps): { lookups: BuildLookups; highest: () => number } {
  const { builds, chrootBuilds, client, projects, removals } = deps;
  /** Lists of projects, newest first, until something of the project changes. */
  const sorted = new Map<string, readonly Build[]>();
  const asked = new Map<number, Promise<Build | undefined>>();
  let highest = 0;

  builds.addIndex('project', (build) => [projectKey(build)]);
  builds.addIndex('number', (build) => texts(numberOf(build)));
  builds.addIndex('batch', (build) => texts(batchOf(build)));
  chrootBuilds.addIndex('build', (stage) => [`${stage.metadata.namespace}/${stage.spec.build}`]);
  chrootBuilds.addIndex('project', (stage) => [projectKey(stage)]);
  builds.onChange((build) => {
    sorted.delete(projectKey(build));
    highest = Math.max(highest, numberOf(build) ?? 0);
  });
  deps.onRemovalChange((key) => sorted.delete(key));

  function isThere(build: Build): boolean {
    const project = projects.projectByObject(build.metadata.namespace ?? '', build.spec.project);
    const number = numberOf(build);
    return project !== undefined && number !== undefined && !removals.isBeingRemoved(project, number);
  }

  function list(project: ProjectView): readonly Build[] {
    builds.settle();
    const key = keyOf(project.project);
    const known = sorted.get(key);
    if (known !== undefined) return known;
    const found = builds.byIndex('project', key).filter((build) => {
      const number = numberOf(build);
      return number !== undefined && !removals.isBeingRemoved(project, number);
    });
    found.sort((a, b) => (numberOf(b) ?? 0) - (numberOf(a) ?? 0));
    sorted.set(key, found);
    return found;
  }

  async function ask(number: number): Promise<Build | undefined> {
    const { items } = await translated(`Build ${number}`, () =>
      client.list(Builds, { labelSelector: `${ID_LABEL}=${number}`, limit: 2, timeoutMs: TIMEOUT_MS }),
    );
    const [found] = items;
    return found === undefined ? undefined : builds.wrote(found);
  }

  const lookups: BuildLookups = {
    buildsOf: list,
    build: (number) => builds.byIndex('number', String(number)).find(isThere),
    async findBuild(number, signal) {
      signal.throwIfAborted();
      // One question serves all who ask for the same number meanwhile; no caller's signal may end it.
      let answer = asked.get(number);
      if (answer === undefined) {
        answer = ask(number).finally(() => asked.delete(number));
        asked.set(number, answer);
      }
      const found = await answer;
      return found !== undefined && isThere(found) ? found : undefined;
    },
    projectOf: (object) => projects.projectByObject(object.metadata.namespace ?? '', object.spec.project),
    chrootBuildsOf: (build) => chrootBuilds.byIndex('build', keyOf(build)),
    chrootBuildsOfProject: (project) => chrootBuilds.byIndex('project', keyOf(project.project)),
    batch: (number) => builds.byIndex('batch', String(number)),
  };
  return { lookups, highest: () => highest };
}

function texts(number: number | undefined): string[] {
  return number === undefined ? [] : [String(number)];
}
