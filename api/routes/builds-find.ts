/** Projects and builds by the names and numbers of requests: first in the cluster, then in the record of what ended. */
import type { Build } from '../../crds/build.ts';
import { packageNameOf } from '../../crds/names.ts';
import type { ProjectView } from '../cluster/index.ts';
import type { BuildRow } from '../db/database.ts';
import { type BuildJSON, buildJSON } from '../history/json.ts';
import { liveRow } from '../history/live.ts';
import { badRequest, notFound, unavailable } from '../http/errors.ts';
import { rawText } from '../http/fields.ts';
import type { RawFields } from '../http/route.ts';
import type { Services } from '../services.ts';

type World = Pick<Services, 'cluster' | 'config' | 'db'>;

/** A build with its project. `live` is the object, if it is still there. */
export interface FoundBuild extends ProjectView {
  row: BuildRow;
  live: Build | undefined;
  spec: Build['spec'];
}

export function projectNamed({ cluster }: Pick<Services, 'cluster'>, owner: string, name: string): ProjectView {
  const view = cluster.project(owner, name);
  if (view === undefined) throw notFound(`Project ${owner}/${name} does not exist.`);
  return view;
}

/** For `access.on` of routes that name their project in the body. */
export function projectOfBody(
  services: Pick<Services, 'cluster'>,
  body: RawFields,
  prefix: '' | 'Bad request parameters: ' = '',
): ProjectView {
  const owner = rawText(body, 'ownername');
  const name = rawText(body, 'projectname');
  if (owner !== undefined && owner !== '' && name !== undefined && name !== '') {
    return projectNamed(services, owner, name);
  }
  const missing = owner === undefined || owner === '' ? 'ownername' : 'projectname';
  if (prefix === '') throw badRequest(`${missing}: This field is required.`);
  throw badRequest(`${prefix}{'${missing}': ['This field is required.']}`);
}

export function rowOf({ cluster, config }: World, view: ProjectView, build: Build): BuildRow | undefined {
  const { spec, status } = build;
  const early = spec.package !== undefined && status?.package === undefined;
  const pkg = early ? cluster.packagesOf(view).find(({ metadata }) => metadata.name === spec.package) : undefined;
  const name = pkg === undefined ? undefined : packageNameOf(pkg);
  return liveRow(build, cluster.chrootBuildsOf(build), view.project, config.resultsURL, name);
}

function buildNotFound(id: number): Error {
  return notFound(`Build ${id} does not exist.`);
}

/**
 * Throws 404. A live one is found while the database is away.
 * @param ask look also for one that another replica made a moment ago, which costs the API server something
 */
export async function findBuild(services: World, id: number, signal: AbortSignal, ask = true): Promise<FoundBuild> {
  const { cluster, db } = services;
  const live = liveBuild(services, cluster.build(id));
  if (live !== undefined) return live;
  const recorded = await db.builds.get(id);
  if (recorded !== undefined) {
    const { project, spec, ...row } = recorded;
    const view = cluster.project(project.owner, project.name);
    // Rows of a project that is gone stay for a moment; another one may have its name by now.
    if (view?.uid !== project.uid || cluster.isBeingRemoved(view, id)) throw buildNotFound(id);
    return { ...view, row, live: undefined, spec: spec as Build['spec'] };
  }
  const other = ask ? liveBuild(services, await asked(services, id, signal)) : undefined;
  if (other === undefined) throw buildNotFound(id);
  return other;
}

/** Anybody can ask for numbers that nothing has. So many such questions may be under way at the API server. */
const MAX_QUESTIONS = 16;
const questions = new WeakMap<object, number>();

async function asked({ cluster }: World, id: number, signal: AbortSignal): Promise<Build | undefined> {
  const under = questions.get(cluster) ?? 0;
  if (under >= MAX_QUESTIONS)
    throw unavailable(`Too many builds that do not exist are asked for now; try again for build ${id}.`, 1);
  questions.set(cluster, under + 1);
  try {
    return await cluster.findBuild(id, signal);
  } finally {
    questions.set(cluster, (questions.get(cluster) ?? 1) - 1);
  }
}

function liveBuild(services: World, build: Build | undefined): FoundBuild | undefined {
  if (build === undefined) return undefined;
  const view = services.cluster.projectOf(build);
  const row = view === undefined ? undefined : rowOf(services, view, build);
  return view === undefined || row === undefined ? undefined : { ...view, row, live: build, spec: build.spec };
}

export function foundJSON({ config }: Pick<Services, 'config'>, found: FoundBuild): BuildJSON {
  return buildJSON(found.row, found, config.resultsURL);
}

export function liveJSON(services: World, view: ProjectView, build: Build): BuildJSON {
  const row = rowOf(services, view, build);
  if (row === undefined) throw new Error(`Build ${build.metadata.name} has no number`);
  return buildJSON(row, view, services.config.resultsURL);
}

/** Live builds of a project, newest first, and the numbers that the record must leave out. */
export function liveBuilds(services: World, view: ProjectView): { rows: BuildRow[]; excluding: number[] } {
  const { cluster } = services;
  const rows: BuildRow[] = [];
  const excluding = [...cluster.removed(view)];
  for (const build of cluster.buildsOf(view)) {
    const row = rowOf(services, view, build);
    if (row === undefined) continue;
    excluding.push(row.id);
    rows.push(row);
  }
  return { rows, excluding };
}
