/** Projects by name and by number, from the caches of Projects and Namespaces. */
import { numberOf, projectNameOf } from '../../crds/names.ts';
import { ownerConflict, ownerOf } from '../../crds/owner.ts';
import type { Project } from '../../crds/project.ts';
import type { Namespace } from '../../operator/core.ts';
import { keyOf } from '../../operator/resource.ts';
import type { FreshStore } from './fresh-store.ts';
import type { ProjectLookups, ProjectView } from './world.ts';

interface Tables {
  owners: Map<string, string>;
  namespaces: Map<string, string>;
  byKey: Map<string, ProjectView>;
  byName: Map<string, ProjectView>;
  byOwner: Map<string, ProjectView[]>;
  all: ProjectView[];
}

const NONE: readonly ProjectView[] = Object.freeze([]);

/** Everything is derived at the first look-up after a change; a change of one Project alone touches no other. */
export function projectLookups(projects: FreshStore<Project>, namespaces: FreshStore<Namespace>): ProjectLookups {
  let tables: Tables | undefined;
  let stale = true;
  const changed = new Set<string>();

  projects.onChange((project) => {
    if (tables !== undefined) changed.add(keyOf(project));
  });
  namespaces.onChange((namespace) => {
    const { name } = namespace.metadata;
    // Most changes of namespaces are none of their owners.
    const now = namespaces.get(name);
    const owner = now === undefined ? undefined : ownerName(now);
    if (owner === undefined || tables?.owners.get(owner) !== name) stale = true;
  });

  function current(): Tables {
    projects.settle();
    namespaces.settle();
    if (tables !== undefined && !stale && changed.size > 0) stale = !update(tables);
    if (tables === undefined || stale) tables = build();
    stale = false;
    changed.clear();
    return tables;
  }

  /** False when the order or the names are others than before. */
  function update(now: Tables): boolean {
    for (const key of changed) {
      const project = projects.get(key);
      const old = now.byKey.get(key);
      const view = project === undefined ? undefined : viewOf(project, now.namespaces);
      if (old === undefined && view === undefined) continue;
      if (old === undefined || view === undefined || view.id !== old.id || view.fullName !== old.fullName) return false;
      if (view.project === old.project) continue;
      now.byKey.set(key, view);
      if (now.byName.get(view.fullName) === old) now.byName.set(view.fullName, view);
      replace(now.all, old, view);
      replace(now.byOwner.get(view.owner) ?? [], old, view);
    }
    return true;
  }

  function build(): Tables {
    const owners = ownersOf(namespaces.list());
    const names = new Map([...owners].map(([owner, namespace]) => [namespace, owner]));
    const all: ProjectView[] = [];
    const byKey = new Map<string, ProjectView>();
    for (const project of projects.list()) {
      // What did not change keeps its view, and with it what was made from that.
      const old = tables?.byKey.get(keyOf(project));
      const view = viewOf(project, names);
      if (view === undefined) continue;
      const same = old?.project === project && old.owner === view.owner ? old : view;
      byKey.set(keyOf(project), same);
      all.push(same);
    }
    all.sort((a, b) => a.id - b.id || (keyOf(a.project) < keyOf(b.project) ? -1 : 1));
    const byName = new Map<string, ProjectView>();
    const byOwner = new Map<string, ProjectView[]>();
    for (const view of all) {
      // Two objects may claim one name; the older number has it.
      if (!byName.has(view.fullName)) byName.set(view.fullName, view);
      const own = byOwner.get(view.owner);
      if (own === undefined) byOwner.set(view.owner, [view]);
      else own.push(view);
    }
    return { owners, namespaces: names, byKey, byName, byOwner, all };
  }

  return {
    project: (owner, name) => current().byName.get(`${owner}/${name}`),
    projectByObject: (namespace, objectName) => current().byKey.get(`${namespace}/${objectName}`),
    projectsOf: (owner) => current().byOwner.get(owner) ?? NONE,
    projects: () => current().all,
    ownerOf: (namespace) => current().namespaces.get(namespace),
    namespaceOf: (owner) => current().owners.get(owner),
  };
}

function viewOf(project: Project, owners: ReadonlyMap<string, string>): ProjectView | undefined {
  const namespace = project.metadata.namespace ?? '';
  const owner = owners.get(namespace);
  const id = numberOf(project);
  if (owner === undefined || id === undefined) return undefined;
  const name = projectNameOf(project);
  const { permissions } = project.spec;
  const uid = project.metadata.uid ?? '';
  return { project, uid, id, owner, namespace, name, permissions, fullName: `${owner}/${name}` };
}

function ownerName(namespace: Namespace): string | undefined {
  const found = ownerOf(namespace);
  return 'owner' in found ? found.owner : undefined;
}

/** Owner → its namespace; of several that claim one owner, the one with precedence. */
export function ownersOf(namespaces: readonly Namespace[]): Map<string, string> {
  const claims = new Map<string, Namespace[]>();
  for (const namespace of namespaces) {
    const owner = ownerName(namespace);
    if (owner === undefined) continue;
    claims.set(owner, [...(claims.get(owner) ?? []), namespace]);
  }
  const owners = new Map<string, string>();
  for (const [owner, claimants] of claims) {
    const first = claimants.find((claimant) => ownerConflict(claimant, claimants) === undefined);
    if (first !== undefined) owners.set(owner, first.metadata.name);
  }
  return owners;
}

/** In a list ordered by number. */
function replace(list: ProjectView[], old: ProjectView, now: ProjectView): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.id ?? 0) < old.id) low = middle + 1;
    else high = middle;
  }
  for (let at = low; list[at]?.id === old.id; at++) {
    if (list[at] === old) list[at] = now;
  }
}
