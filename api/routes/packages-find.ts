/** Packages of a project: those that are objects, and those known only through their builds. */

import { packageNameOf } from '../../crds/names.ts';
import type { Package } from '../../crds/package.ts';
import type { ProjectView } from '../cluster/index.ts';
import type { BuildRow, PackageRow, PackageWithBuilds } from '../db/database.ts';
import { type BuildJSON, buildJSON } from '../history/json.ts';
import { type CoprSource, coprSource } from '../history/source.ts';
import { ALL } from '../history/union.ts';
import { notFound } from '../http/errors.ts';
import type { Services } from '../services.ts';
import { liveBuilds } from './builds-find.ts';

export interface PackageJSON extends CoprSource {
  id: number;
  name: string;
  ownername: string;
  projectname: string;
  auto_rebuild: boolean;
  builds: { latest: BuildJSON | null; latest_succeeded: BuildJSON | null };
}

export interface Latest {
  latest: boolean;
  succeeded: boolean;
}

export interface FoundPackage {
  view: ProjectView;
  /** Undefined for one known only through builds. */
  object: Package | undefined;
  row: PackageWithBuilds;
  /** Its live builds, newest first. */
  live: BuildRow[];
}

/** A page of so many packages or fewer is asked for one by one, a larger one in one go. */
const FEW = 20;
const PIECE = 1_000;

/** Undefined when the project has no such package. */
export async function packageNamed(
  services: Services,
  view: ProjectView,
  name: string,
): Promise<FoundPackage | undefined> {
  const { cluster, db } = services;
  const object = cluster.package(view, name);
  const { rows, excluding } = liveBuilds(services, view);
  const live = rows.filter((row) => row.package === name);
  let row = await db.packages.getWithBuilds({ project: view.uid, excluding }, name);
  if (row === undefined) {
    if (object === undefined && live.length === 0) return undefined;
    row = { ...(await ensure(services, view, name, object, live)), latest: null, latestSucceeded: null };
  }
  // The row of an object that is gone stays for a moment.
  const stale = row.declared && object === undefined && live.length === 0 && row.latest === null;
  return stale ? undefined : { view, object, row, live };
}

export async function findPackage(services: Services, view: ProjectView, name: string): Promise<FoundPackage> {
  const found = await packageNamed(services, view, name);
  if (found === undefined) throw notFound(`Package ${name} does not exist in ${view.fullName}.`);
  return found;
}

/** The row with its number, made now if the recorder has not come to it yet. */
export async function ensure(
  { db, cluster }: Services,
  view: ProjectView,
  name: string,
  object: Package | undefined,
  live: readonly BuildRow[],
): Promise<PackageRow> {
  const { uid, id, owner, name: projectName, namespace, project } = view;
  await db.projects.put({ uid, id, owner, name: projectName, namespace, objectName: project.metadata.name });
  const first = live.at(-1);
  const source = first === undefined ? undefined : cluster.build(first.id)?.spec.source;
  return db.packages.ensure({ projectUID: uid, name, declared: object !== undefined, firstSource: source ?? null });
}

export function packageJSON(services: Services, found: FoundPackage, wanted: Latest): PackageJSON {
  const { view, object, row, live } = found;
  const { resultsURL } = services.config;
  const show = (build: BuildRow | null | undefined): BuildJSON | null =>
    build === null || build === undefined ? null : buildJSON(build, view, resultsURL);
  const succeeded = live.find(({ state }) => state === 'succeeded');
  return {
    id: row.id,
    name: row.name,
    ownername: view.owner,
    projectname: view.name,
    ...sourceOf(services, found),
    auto_rebuild: object?.spec.webhookRebuild ?? false,
    builds: {
      latest: wanted.latest ? show(newer(live[0], row.latest)) : null,
      latest_succeeded: wanted.succeeded ? show(newer(succeeded, row.latestSucceeded)) : null,
    },
  };
}

export function sourceOf(
  { config }: Pick<Services, 'config'>,
  { object, row }: Pick<FoundPackage, 'object' | 'row'>,
): CoprSource {
  return coprSource(object === undefined ? row.firstSource : object.spec.source, config.resultsURL);
}

function newer(live: BuildRow | undefined, recorded: BuildRow | null): BuildRow | null {
  if (live === undefined) return recorded;
  return recorded === null || live.id > recorded.id ? live : recorded;
}

/** All packages, without their recorded builds, in no particular order. */
export async function allPackages(services: Services, view: ProjectView): Promise<FoundPackage[]> {
  const { cluster, db } = services;
  const objects = new Map(cluster.packagesOf(view).map((object) => [packageNameOf(object), object]));
  const live = new Map<string, BuildRow[]>();
  for (const row of liveBuilds(services, view).rows) {
    // The latest builds that a list shows are those of the main directory.
    if (row.package !== null) live.set(row.package, [...(live.get(row.package) ?? []), row]);
  }
  const rows = new Map((await db.packages.list(view.uid, { limit: ALL, offset: 0 })).map((row) => [row.name, row]));
  for (const name of new Set([...objects.keys(), ...live.keys()])) {
    if (!rows.has(name)) rows.set(name, await ensure(services, view, name, objects.get(name), live.get(name) ?? []));
  }
  const found: FoundPackage[] = [];
  for (const row of rows.values()) {
    const object = objects.get(row.name);
    const builds = live.get(row.name) ?? [];
    const doubtful = row.declared && object === undefined && builds.length === 0;
    if (doubtful && (await db.packages.builds(view.uid, row.name)).length === 0) continue;
    const main = builds.filter(({ dirname }) => dirname === view.name);
    found.push({ view, object, row: { ...row, latest: null, latestSucceeded: null }, live: main });
  }
  return found;
}

/** The same packages with their newest recorded builds in the main directory. */
export async function withRecorded(
  services: Services,
  view: ProjectView,
  page: readonly FoundPackage[],
): Promise<FoundPackage[]> {
  const { db } = services;
  const filter = { project: view.uid, dirname: view.name, excluding: liveBuilds(services, view).excluding };
  const byName = new Map<string, PackageWithBuilds>();
  if (page.length > FEW) {
    // In pieces: none of them keeps this process, or the database, from answering others for long.
    let after: string | undefined;
    do {
      const rest = after === undefined ? filter : { ...filter, after };
      const rows = await db.packages.listWithBuilds(rest, { limit: PIECE, offset: 0 });
      for (const row of rows) byName.set(row.name, row);
      after = rows.length < PIECE ? undefined : rows.at(-1)?.name;
    } while (after !== undefined);
  }
  for (const { row } of page) {
    if (byName.has(row.name)) continue;
    const one = await db.packages.getWithBuilds(filter, row.name);
    if (one !== undefined) byName.set(row.name, one);
  }
  return page.map((found) => ({ ...found, row: byName.get(found.row.name) ?? found.row }));
}
