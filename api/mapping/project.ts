/** Projects as clients of Copr see them. */
import type { BOOTSTRAPS } from '../../crds/common.ts';
import type { Project } from '../../crds/project.ts';
import type { FieldRow, MappingContext } from './field.ts';
import { isMapped, patchFrom, valueAt, withoutNulls } from './field.ts';
import { PROJECT_FIELDS } from './project-fields.ts';

/** What an answer is made of, beside the resource. */
export interface ProjectFacts {
  id: number;
  owner: string;
  name: string;
  project: Project;
}

export type ProjectJSON = Record<string, unknown>;

const ANSWERED = PROJECT_FIELDS.filter((row) => row.answer !== undefined && isMapped(row));

export function projectJSON({ id, owner, name, project }: ProjectFacts, context: MappingContext): ProjectJSON {
  const json: ProjectJSON = { id, name, ownername: owner, full_name: `${owner}/${name}` };
  for (const row of ANSWERED) json[row.answer ?? ''] = row.toAPI?.(valueAt(project, row.place), context);
  json.storage = 'backend';
  json.chroot_repos = chrootRepos(project.spec.chroots, `${context.resultsURL}/${owner}/${name}`, context);
  return json;
}

function chrootRepos(chroots: readonly string[], base: string, { activeChroots }: MappingContext): object {
  const active = chroots.filter((chroot) => activeChroots.has(chroot));
  return Object.fromEntries(active.map((chroot) => [chroot, `${base}/${chroot}/`]));
}

type Form = Readonly<Record<string, unknown>>;

/** The spec of a new Project, without its name. */
export function newProjectSpec(form: Form, context: MappingContext): Omit<Project['spec'], 'name'> {
  const patch = patchFrom(PROJECT_FIELDS, 'add', withBootstrap(form), undefined, context);
  return withoutNulls(patch.spec ?? {}) as Omit<Project['spec'], 'name'>;
}

/** A merge patch; undefined when the form changes nothing. */
export function projectPatch(
  form: Form,
  project: Project,
  context: MappingContext,
): { spec: Record<string, unknown> } | undefined {
  const patch = patchFrom(PROJECT_FIELDS, 'edit', withBootstrap(form), project, context);
  return patch.spec === undefined ? undefined : { spec: patch.spec as Record<string, unknown> };
}

function withBootstrap(form: Form): Form {
  const old = form.use_bootstrap_container;
  if (typeof old !== 'boolean' || form.bootstrap !== undefined) return form;
  const bootstrap: (typeof BOOTSTRAPS)[number] = old ? 'on' : 'off';
  return { ...form, bootstrap };
}

/** What the API calls a place in a Project, for what the API server says of it: `repos` for `spec.externalRepos[0].baseurl`. */
export function projectPlaceName(path: string): string {
  const plain = path.replace(/\[[^\]]*\]/g, '');
  const row = PROJECT_FIELDS.find(({ place }) => plain === place || plain.startsWith(`${place}.`));
  return (row === undefined ? undefined : keyOf(row)) ?? path.replace(/^spec\./, '');
}

function keyOf({ edit, add }: FieldRow): string | undefined {
  return edit ?? add;
}
