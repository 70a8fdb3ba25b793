/** Finds projects as people look for them. Everything is in memory; nothing lags behind. */
import { packageNameOf } from '../../crds/names.ts';
import type { ClusterWorld, ProjectView } from '../cluster/index.ts';

const MIN_CHARACTERS = 3;

/** Lower-case texts of a project, made once for every state of it. */
const texts = new WeakMap<ProjectView, string>();

/** Newest first. undefined: too short to look for. */
export function searchProjects(cluster: ClusterWorld, query: string): ProjectView[] | undefined {
  const wanted = query.trim().toLowerCase();
  const matches = wanted.includes('/') ? byName(wanted) : byText(cluster, wanted);
  return matches === undefined ? undefined : cluster.projects().filter(matches).reverse();
}

function byName(wanted: string): (view: ProjectView) => boolean {
  const slash = wanted.indexOf('/');
  const owner = wanted.slice(0, slash);
  const name = wanted.slice(slash + 1);
  return (view) => view.owner.toLowerCase().includes(owner) && view.name.toLowerCase().includes(name);
}

/** Every word must be somewhere in it. */
function byText(cluster: ClusterWorld, wanted: string): ((view: ProjectView) => boolean) | undefined {
  if (wanted.length < MIN_CHARACTERS) return undefined;
  const words = wanted.split(/\s+/);
  return (view) => {
    const text = textOf(view);
    const missing = words.filter((word) => !text.includes(word));
    if (missing.length === 0) return true;
    const packages = cluster.packagesOf(view).map((pkg) => packageNameOf(pkg).toLowerCase());
    return missing.every((word) => packages.some((name) => name.includes(word)));
  };
}

function textOf(view: ProjectView): string {
  const known = texts.get(view);
  if (known !== undefined) return known;
  const { description = '', instructions = '', chroots } = view.project.spec;
  const text = [view.owner, view.name, description, instructions, ...chroots].join('\n').toLowerCase();
  texts.set(view, text);
  return text;
}
