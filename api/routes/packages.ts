/** Packages of projects. */
import { z } from 'zod';
import type { ProjectView } from '../cluster/index.ts';
import { isFinished } from '../history/live.ts';
import { BATCH } from '../history/union.ts';
import { badRequest, conflict, forbidden, tooLarge } from '../http/errors.ts';
import { flag, text } from '../http/fields.ts';
import { listAnswer, pageOf, pagingFields, slice } from '../http/paging.ts';
import type { AnyRoute, Target } from '../http/route.ts';
import { defineRoute } from '../http/route.ts';
import type { Services } from '../services.ts';
import { activeChroots, projectFields } from './build-create-options.ts';
import { scmAliases } from './build-create-sources.ts';
import { projectNamed, projectOfBody } from './builds-find.ts';
import { listResult, packageResult } from './builds-schemas.ts';
import { LONG, piecesOf, streamedList } from './builds-stream.ts';
import { buildPackage } from './packages-build.ts';
import {
  allPackages,
  ensure,
  type FoundPackage,
  findPackage,
  packageJSON,
  packageNamed,
  withRecorded,
} from './packages-find.ts';
import {
  checkName,
  checkType,
  editedSource,
  newPackageSpec,
  packageFields,
  packageName,
  packagePatch,
  scmSource,
} from './packages-form.ts';

/** Without paging no more packages than that are listed. */
const MAX_UNPAGED = 10_000;
const NO_BUILDS = { latest: false, succeeded: false };

const latestFields = {
  with_latest_build: flag().optional(),
  with_latest_succeeded_build: flag().optional(),
};

const get = defineRoute({
  operation: 'package.get',
  methods: ['GET'],
  path: '/package',
  summary: 'One package.',
  access: 'anyone',
  query: z.object({ ...projectFields, packagename: text(), ...latestFields }),
  result: packageResult,
  async handle({ services, query }) {
    const view = projectNamed(services, query.ownername, query.projectname);
    const wanted = { latest: query.with_latest_build ?? false, succeeded: query.with_latest_succeeded_build ?? false };
    return packageJSON(services, await findPackage(services, view, query.packagename), wanted);
  },
});

const list = defineRoute({
  operation: 'package.list',
  methods: ['GET'],
  path: '/package/list',
  summary: 'Packages of a project.',
  access: 'anyone',
  query: z.object({ ...projectFields, ...latestFields, ...pagingFields(['id', 'name']) }),
  result: listResult(packageResult),
  async handle({ services, query }) {
    const view = projectNamed(services, query.ownername, query.projectname);
    const page = pageOf(query, 'id');
    const wanted = { latest: query.with_latest_build ?? false, succeeded: query.with_latest_succeeded_build ?? false };
    const all = await allPackages(services, view);
    if (page.limit === null && all.length > MAX_UNPAGED)
      throw tooLarge(`${view.fullName} has ${all.length} packages; ask for them in pages (limit, offset).`);
    const sign = page.orderType === 'ASC' ? 1 : -1;
    const { order } = page;
    all.sort((a, b) => (a.row[order] < b.row[order] ? -sign : sign));
    const shown = slice(all, page);
    const withBuilds = wanted.latest || wanted.succeeded ? await withRecorded(services, view, shown) : shown;
    const show = (found: FoundPackage) => packageJSON(services, found, wanted);
    if (withBuilds.length <= LONG) return listAnswer(withBuilds.map(show), page);
    const { meta } = listAnswer([], page);
    return streamedList('items', piecesOf(withBuilds, BATCH), show, { after: { meta } });
  },
});

const ofProject = z.object({ ownername: text(), projectname: text(), package_name: packageName });

/** The project that a path names. */
function named({
  services,
  params,
}: Pick<Target<{ ownername: string; projectname: string }, unknown>, 'services' | 'params'>): Promise<ProjectView> {
  return Promise.resolve(projectNamed(services, params.ownername, params.projectname));
}

const add = defineRoute({
  operation: 'package.add',
  methods: ['POST'],
  path: '/package/add/:ownername/:projectname/:package_name/:source_type_text',
  summary: 'Adds a package.',
  access: { right: 'edit', on: (target) => named(target) },
  params: ofProject.extend({ source_type_text: text() }),
  body: z.object(packageFields),
  aliases: scmAliases,
  result: packageResult,
  async handle({ services, params, body, found: view, signal }) {
    const name = params.package_name;
    checkName(name, body.package_name);
    checkType(params.source_type_text);
    const spec = newPackageSpec(body, activeChroots(services, view), scmSource(body));
    if ((await packageNamed(services, view, name)) !== undefined)
      throw conflict(`Package ${name} already exists in ${view.fullName}; edit it instead.`);
    return made(services, view, name, spec, signal);
  },
});

async function made(
  services: Services,
  view: ProjectView,
  name: string,
  spec: ReturnType<typeof newPackageSpec>,
  signal: AbortSignal,
): Promise<object> {
  const object = await services.cluster.createPackage({ project: view, name, spec }, signal);
  const row = await ensure(services, view, name, object, []);
  const found = { view, object, row: { ...row, latest: null, latestSucceeded: null }, live: [] };
  return packageJSON(services, found, NO_BUILDS);
}

const edit = defineRoute({
  operation: 'package.edit',
  methods: ['POST'],
  alsoWithoutWarning: ['PUT'],
  path: '/package/edit/:ownername/:projectname/:package_name/:source_type_text',
  oldPaths: ['/package/edit/:ownername/:projectname/:package_name'],
  summary: 'Changes a package. What is not sent stays as it is.',
  access: { right: 'edit', on: (target) => named(target) },
  params: ofProject.extend({ source_type_text: text().optional() }),
  body: z.object(packageFields),
  aliases: scmAliases,
  result: packageResult,
  async handle({ services, params, body, found: view, signal }) {
    const { package_name: name, source_type_text: type } = params;
    checkName(name, body.package_name);
    const found = await findPackage(services, view, name);
    if (type !== undefined) checkType(type);
    const active = activeChroots(services, view);
    if (found.object === undefined) {
      const source = editedSource(body, undefined, type);
      const before = source ?? found.row.firstSource ?? undefined;
      return made(services, view, name, newPackageSpec(body, active, before), signal);
    }
    const object = await services.cluster.patchPackage(
      found.object,
      (current) => packagePatch(body, active, editedSource(body, current.spec.source, type)),
      signal,
    );
    return packageJSON(services, { ...found, object }, NO_BUILDS);
  },
});

const namedInBody = z.object({ ...projectFields, package_name: packageName });

const onBody = ({ services, body }: Pick<Target<unknown, unknown>, 'services' | 'body'>): Promise<ProjectView> =>
  Promise.resolve(projectOfBody(services, body));

const reset = defineRoute({
  operation: 'package.reset',
  methods: ['PUT', 'POST'],
  path: '/package/reset',
  summary: 'Takes the source of a package away.',
  access: { right: 'edit', on: onBody },
  body: namedInBody,
  result: packageResult,
  async handle({ services, body, found: view, signal }) {
    const found = await findPackage(services, view, body.package_name);
    if (found.object === undefined) {
      const spec = newPackageSpec({}, [], undefined);
      return made(services, view, body.package_name, spec, signal);
    }
    const object = await services.cluster.patchPackage(
      found.object,
      (current) => (current.spec.source === undefined ? undefined : { spec: { source: null } }),
      signal,
    );
    return packageJSON(services, { ...found, object }, NO_BUILDS);
  },
});

const remove = defineRoute({
  operation: 'package.delete',
  methods: ['DELETE', 'POST'],
  path: '/package/delete',
  summary: 'Deletes a package and all its builds.',
  access: { right: 'edit', on: onBody },
  body: namedInBody,
  result: packageResult,
  async handle({ services, body, found: view, signal }) {
    const { cluster, db } = services;
    const found = await findPackage(services, view, body.package_name);
    const unfinished = unfinishedOf(services, found);
    if (unfinished.length > 0)
      throw badRequest(
        `Package ${found.row.name} has builds that have not ended: ${unfinished.join(', ')}. Cancel them, or wait for their end.`,
      );
    const recorded = await db.packages.builds(view.uid, found.row.name);
    const gone = new Set(cluster.removed(view));
    const builds = [...found.live.map(({ id }) => id), ...recorded].filter((id) => !gone.has(id));
    if (view.project.spec.persistent && builds.length > 0)
      throw forbidden(`Project ${view.fullName} is persistent; its builds cannot be deleted.`);
    // The builds first: when anything fails between, the package is still there and can be deleted again.
    if (builds.length > 0) await cluster.removeBuilds(view, builds, signal);
    if (found.object !== undefined) await cluster.deletePackage(found.object, signal);
    await db.packages.remove(view.uid, found.row.name);
    return packageJSON(services, found, NO_BUILDS);
  },
});

function unfinishedOf({ cluster }: Services, { live }: FoundPackage): number[] {
  return live
    .filter(({ id }) => {
      const build = cluster.build(id);
      return build !== undefined && !isFinished(build);
    })
    .map(({ id }) => id);
}

export const packageRoutes: readonly AnyRoute[] = [get, list, add, edit, reset, remove, buildPackage];
