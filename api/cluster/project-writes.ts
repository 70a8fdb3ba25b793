import { ID_LABEL, objectNameFor } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/apiClient.ts';
import { isAlreadyExists } from '../../operator/apiError.ts';
import type { Counter } from '../../operator/counter.ts';
import { keyOf } from '../../operator/resource.ts';
import { type ApiError, badRequest, conflict, notFound } from '../http/errors.ts';
import type { NameField } from './errors.ts';
import { isQuotaUnknown, translated } from './errors.ts';
import type { FreshStore } from './fresh-store.ts';
import { patchWithRetry, WRITE_MS } from './patching.ts';
import type { NewProject, ProjectLookups, ProjectView, Writes } from './world.ts';

/** How long a project whose name is taken by one that is being deleted may be waited for. */
const TERMINATION_MS = 30_000;
const POLL_MS = 250;

export interface ProjectWriteDeps {
  client: ApiClient;
  clock: Clock;
  store: FreshStore<Project>;
  lookups: ProjectLookups;
  numbers: Counter;
  /** The API's name of a place in the resource. */
  nameField: NameField;
  /** Default 30 s; tests wait less. */
  terminationMs?: number | undefined;
}

type ProjectWrites = Pick<Writes, 'createProject' | 'patchProject' | 'deleteProject'>;

export function projectWrites(deps: ProjectWriteDeps): ProjectWrites {
  const { client, clock, store, lookups, numbers, nameField } = deps;

  async function create(draft: NewProject, signal: AbortSignal): Promise<Project> {
    const { namespace, name } = draft;
    const objectName = objectNameFor(name);
    const key = `${namespace}/${objectName}`;
    const end = clock.monotonic() + (deps.terminationMs ?? TERMINATION_MS);
    const id = await numbers.next();
    const spec = { ...draft.spec, ...(objectName === name ? {} : { name }) };
    const metadata = { name: objectName, namespace, labels: { [ID_LABEL]: String(id) } };
    for (;;) {
      try {
        return await client.create(Projects, { metadata, spec }, { signal, timeoutMs: WRITE_MS });
      } catch (error) {
        // The namespace of a new owner has just been made.
        if (isQuotaUnknown(error) && clock.monotonic() < end) {
          await clock.sleep(POLL_MS, signal);
          continue;
        }
        if (!isAlreadyExists(error)) throw error;
      }
      const holder = await client.get(Projects, key, { signal, timeoutMs: WRITE_MS });
      if (holder === undefined) continue;
      if (holder.metadata.deletionTimestamp === undefined) throw taken(draft);
      if (clock.monotonic() >= end) {
        throw conflict(
          `The former project ${draft.owner}/${name} is still being deleted; try again when its repositories are gone.`,
        );
      }
      await clock.sleep(POLL_MS, signal);
    }
  }

  function viewed(project: Project): ProjectView {
    const view = lookups.projectByObject(project.metadata.namespace ?? '', project.metadata.name);
    if (view !== undefined) return view;
    throw conflict(`Project ${project.metadata.name} was deleted while it was written.`);
  }

  return {
    createProject(draft, signal) {
      const what = `Project ${draft.owner}/${draft.name}`;
      return translated(
        what,
        async () => {
          if (lookups.project(draft.owner, draft.name) !== undefined) throw taken(draft);
          return viewed(store.wrote(await create(draft, signal)));
        },
        nameField,
      );
    },

    patchProject(view, change, signal) {
      const what = `Project ${view.fullName}`;
      return translated(
        what,
        async () =>
          viewed(await patchWithRetry({ client, clock, type: Projects, store, what, signal }, view.project, change)),
        nameField,
      );
    },

    deleteProject(view, signal) {
      const { project } = view;
      return translated(`Project ${view.fullName}`, async () => {
        const uid = project.metadata.uid ?? '';
        const gone = await client.delete(Projects, keyOf(project), { uid, signal, timeoutMs: WRITE_MS });
        store.deleted(project);
        if (!gone) throw notFound(`Project ${view.fullName} does not exist.`);
      });
    },
  };
}

/** Clients look for these words. */
export function taken({ owner, name }: Pick<NewProject, 'owner' | 'name'>): ApiError {
  if (!owner.startsWith('@')) return badRequest(`name: You already have a project named '${name}'.`);
  const group = owner.slice(1);
  return badRequest(`name: Group ${group} (fas: ${group}) already has a project named '${name}'.`);
}
