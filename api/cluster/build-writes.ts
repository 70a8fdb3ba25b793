import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import { ID_LABEL, numberOf, SUBMITTER_ANNOTATION } from '../../crds/names.ts';
import type { Removal } from '../../crds/removal.ts';
import { Removals } from '../../crds/removal.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { isAlreadyExists } from '../../operator/apiError.ts';
import type { Counter } from '../../operator/counter.ts';
import { unavailable } from '../http/errors.ts';
import { translated } from './errors.ts';
import type { FreshStore } from './fresh-store.ts';
import { patchWithRetry, WRITE_MS } from './patching.ts';
import type { NewBuild, ProjectView, Writes } from './world.ts';

/** Somebody may have made Builds with such names by hand. */
const ATTEMPTS = 20;
/** As many builds as one Removal may name. */
const CHUNK = 500;

export interface BuildWriteDeps {
  client: ApiClient;
  clock: Clock;
  builds: FreshStore<Build>;
  removals: FreshStore<Removal>;
  numbers: Counter;
  random: (bytes: number) => Buffer;
}

type BuildWrites = Pick<Writes, 'createBuild' | 'cancelBuild' | 'removeBuilds'>;

export function buildWrites({ client, clock, builds, removals, numbers, random }: BuildWriteDeps): BuildWrites {
  async function create({ project, spec, submitter }: NewBuild, signal: AbortSignal): Promise<Build> {
    const { name, namespace = '' } = project.project.metadata;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const number = await numbers.next();
      const metadata = {
        name: `${name}-${number}`,
        namespace,
        labels: { [ID_LABEL]: String(number) },
        ...(submitter === undefined ? {} : { annotations: { [SUBMITTER_ANNOTATION]: submitter } }),
      };
      try {
        const draft = { metadata, spec: { ...spec, project: name } };
        return await client.create(Builds, draft, { signal, timeoutMs: WRITE_MS });
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    }
    throw unavailable(`No name was free for a build of ${project.fullName}; try again.`);
  }

  function remove(project: ProjectView, numbersOfBuilds: readonly number[], signal: AbortSignal): Promise<Removal> {
    const { name, namespace = '' } = project.project.metadata;
    const metadata = { name: `${name}-${random(8).toString('hex')}`, namespace };
    const draft = { metadata, spec: { project: name, builds: [...numbersOfBuilds] } };
    return client.create(Removals, draft, { signal, timeoutMs: WRITE_MS });
  }

  return {
    createBuild(draft, signal) {
      return translated(`A build of ${draft.project.fullName}`, async () => builds.wrote(await create(draft, signal)));
    },

    cancelBuild(build, signal) {
      const what = `Build ${numberOf(build)}`;
      return translated(what, () =>
        patchWithRetry({ client, clock, type: Builds, store: builds, what, signal }, build, (current) =>
          current.spec.cancelled ? undefined : { spec: { cancelled: true } },
        ),
      );
    },

    removeBuilds(project, all, signal) {
      return translated(`Project ${project.fullName}`, async () => {
        const made: Removal[] = [];
        const distinct = [...new Set(all)];
        for (let at = 0; at < distinct.length; at += CHUNK) {
          made.push(removals.wrote(await remove(project, distinct.slice(at, at + CHUNK), signal)));
        }
        return made;
      });
    },
  };
}
