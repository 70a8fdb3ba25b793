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
  /** Several objects claim one name. */
  twins: boolean;
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

  /** False when that takes more than putting views in and out: then everything is made anew. */
  function update(now: Tables): boolean {
    // What was handed out, or had something made from it, stays as it was.
    now.all = [...now.all];
    for (const key of changed) {
      const project = projects.get(key);
      const old = now.byKey.get(key);
      const view = project === undefined ? undefined : viewOf(project, now.namespaces);
      if (view?.project === old?.project) continue;
      // The name of one may have been kept from another until now.
      if (old !== undefined && (view === undefined || view.fullName !== old.fullName) && now.twins) return false;
      if (old !== undefined) takeOut(now, key, old);
      if (view !== undefined && !putIn(now, key, view)) return false;
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
    all.sort(before);
    const byName = new Map<string, ProjectView>();
    const byOwner = new Map<string, ProjectView[]>();
    let twins = false;
    for (const view of all) {
      // Two objects may claim one name; the older number has it.
      if (byName.has(view.fullName)) twins = true;
      else byName.set(view.fullName, view);
      const own = byOwner.get(view.owner);
      if (own === undefined) byOwner.set(view.owner, [view]);
      else own.push(view);
    }
    return { owners, namespaces: names, byKey, byName, byOwner, all, twins };
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

function takeOut(tables: Tables, key: string, view: ProjectView): void {
  tables.byKey.delete(key);
  if (tables.byName.get(view.fullName) === view) tables.byName.delete(view.fullName);
  const own = (tables.byOwner.get(view.owner) ?? []).filter((one) => one !== view);
  if (own.length === 0) tables.byOwner.delete(view.owner);
  else tables.byOwner.set(view.owner, own);
  const at = placeOf(tables.all, view);
  if (tables.all[at] === view) tables.all.splice(at, 1);
}

/** False when another object has the name. */
function putIn(tables: Tables, key: string, view: ProjectView): boolean {
  if (tables.byName.has(view.fullName)) return false;
  tables.byKey.set(key, view);
  tables.byName.set(view.fullName, view);
  const own = [...(tables.byOwner.get(view.owner) ?? [])];
  own.splice(placeOf(own, view), 0, view);
  tables.byOwner.set(view.owner, own);
  tables.all.splice(placeOf(tables.all, view), 0, view);
  return true;
}

function before(a: ProjectView, b: ProjectView): number {
  return a.id - b.id || (keyOf(a.project) < keyOf(b.project) ? -1 : keyOf(a.project) > keyOf(b.project) ? 1 : 0);
}

/** Where a view is, or belongs, in a list in order. */
function placeOf(list: readonly ProjectView[], view: ProjectView): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = list[middle];
    if (other !== undefined && before(other, view) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
