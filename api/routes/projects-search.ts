/** Finds projects as people look for them. Everything is in memory; nothing lags behind. */
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
  const packaged = projectsWithPackages(cluster, words);
  return (view) => {
    const text = textOf(view);
    const packages = packaged.get(view);
    return words.every((word) => text.includes(word) || packages?.some((name) => name.includes(word)) === true);
  };
}

/** Those of which a package matches any of the words: few, of thousands of projects. */
function projectsWithPackages(cluster: ClusterWorld, words: readonly string[]): Map<ProjectView, readonly string[]> {
  const found = new Map<ProjectView, readonly string[]>();
  for (const [key, names] of cluster.packageNames()) {
    if (!names.some((name) => words.some((word) => name.includes(word)))) continue;
    const slash = key.indexOf('/');
    const view = cluster.projectByObject(key.slice(0, slash), key.slice(slash + 1));
    if (view !== undefined) found.set(view, names);
  }
  return found;
}

function textOf(view: ProjectView): string {
  const known = texts.get(view);
  if (known !== undefined) return known;
  const { description = '', instructions = '', chroots } = view.project.spec;
  const text = [view.owner, view.name, description, instructions, ...chroots].join('\n').toLowerCase();
  texts.set(view, text);
  return text;
}
