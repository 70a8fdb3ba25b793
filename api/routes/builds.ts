/** Builds: one, lists, what came of them, cancelling and deleting. */

import { z } from 'zod';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';
import type { BuildRow } from '../db/database.ts';
import { buildJSON, nevraJSON, publicURL, withoutSlash } from '../history/json.ts';
import { isFinished, liveChroots } from '../history/live.ts';
import { coprSource } from '../history/source.ts';
import { type RecordWindow, unionBatches, unionPage } from '../history/union.ts';
import { badRequest, conflict, forbidden } from '../http/errors.ts';
import { id, ids, text } from '../http/fields.ts';
import { listAnswer, pageOf, pagingFields } from '../http/paging.ts';
import type { AnyRoute } from '../http/route.ts';
import { callerOf, defineRoute } from '../http/route.ts';
import { sortForDeletion } from './builds-delete.ts';
import { findBuild, foundJSON, liveBuilds, liveJSON, projectNamed } from './builds-find.ts';
import { buildResult, listResult, packagesResult, sourceConfigResult } from './builds-schemas.ts';
import { LONG, streamedList } from './builds-stream.ts';

/** Megabytes that Copr shows; a builder pod has what its pool says. */
export const MEMORY_LIMIT = 2048;

const byNumber = z.object({ build_id: id('Build') });

const get = defineRoute({
  operation: 'build.get',
  methods: ['GET'],
  path: '/build/:build_id',
  summary: 'One build.',
  access: 'anyone',
  params: byNumber,
  result: buildResult,
  handle: async ({ services, params, signal }) =>
    foundJSON(services, await findBuild(services, params.build_id, signal)),
});

const list = defineRoute({
  operation: 'build.list',
  methods: ['GET'],
  path: '/build/list',
  summary: 'Builds of a project, newest first.',
  access: 'anyone',
  query: z.object({
    ownername: text(),
    projectname: text(),
    packagename: text().optional().describe('Only builds of this package.'),
    status: text(20).optional().describe('Only builds in this state.'),
    ...pagingFields(['id', 'submitted_on', 'started_on', 'ended_on', 'state']),
  }),
  result: listResult(buildResult),
  async handle({ services, query }) {
    const { db, config } = services;
    const view = projectNamed(services, query.ownername, query.projectname);
    const page = pageOf(query, 'id');
    const { packagename, status } = query;
    const { rows, excluding } = liveBuilds(services, view);
    const shown = rows.filter(
      (row) =>
        (packagename === undefined || row.package === packagename) && (status === undefined || row.state === status),
    );
    const filter = {
      project: view.uid,
      excluding,
      ...(packagename === undefined ? {} : { package: packagename }),
      ...(status === undefined ? {} : { status }),
    };
    const read = ({ before, ...window }: RecordWindow) =>
      db.builds.list(before === undefined ? filter : { ...filter, before }, window);
    const show = (row: BuildRow) => buildJSON(row, view, config.resultsURL);
    if (page.limit !== null && page.limit <= LONG)
      return listAnswer((await unionPage(shown, page, read)).map(show), page);
    return streamedList('items', unionBatches(shown, page, read), show, { after: { meta: listAnswer([], page).meta } });
  },
});

const sourceChroot = defineRoute({
  operation: 'build.source-chroot',
  methods: ['GET'],
  path: '/build/source-chroot/:build_id',
  summary: 'State and results of the stage that makes the SRPM.',
  access: 'anyone',
  params: byNumber,
  result: z.strictObject({ state: z.string(), result_url: z.string().nullable() }),
  async handle({ services, params, signal }) {
    const found = await findBuild(services, params.build_id, signal);
    const stages = found.live
      ? liveChroots(found.live, services.cluster.chrootBuildsOf(found.live))
      : await services.db.builds.chroots(params.build_id);
    const stage = stages.find(({ name }) => name === SOURCE_CHROOT);
    const url = stage?.resultsURL ?? found.live?.status?.source?.resultsURL;
    // A build that never had the stage (it was cancelled before, or waits) stands as the whole does.
    return {
      state: stage?.state ?? found.row.state,
      result_url: url == null ? null : withoutSlash(publicURL(url, services.config.resultsURL)),
    };
  },
});

const sourceConfig = defineRoute({
  operation: 'build.source-build-config',
  methods: ['GET'],
  path: '/build/source-build-config/:build_id',
  summary: 'What the SRPM of a build is made from.',
  access: 'anyone',
  params: byNumber,
  result: sourceConfigResult,
  async handle({ services, params, signal }) {
    const found = await findBuild(services, params.build_id, signal);
    const stage = found.live && services.cluster.chrootBuildsOf(found.live).find(({ spec }) => spec.stage === 'source');
    const ofPackage =
      found.spec.package === undefined
        ? undefined
        : services.cluster.packagesOf(found).find(({ metadata }) => metadata.name === found.spec.package);
    const source = found.spec.source ?? stage?.spec.source ?? ofPackage?.spec.source;
    return {
      ...coprSource(source, services.config.resultsURL, 'srpm_build_method'),
      memory_limit: MEMORY_LIMIT,
      timeout: found.spec.timeoutSeconds ?? found.project.spec.options.timeoutSeconds,
      is_background: found.spec.background,
    };
  },
});

const builtPackages = defineRoute({
  operation: 'build.built-packages',
  methods: ['GET'],
  path: '/build/built-packages/:build_id',
  summary: 'Packages that a build has published, by chroot.',
  access: 'anyone',
  params: byNumber,
  result: z.record(z.string(), packagesResult),
  async handle({ services, params, signal }) {
    const { row, live } = await findBuild(services, params.build_id, signal);
    const packages: Record<string, { packages: object[] }> = {};
    for (const chroot of row.chroots) packages[chroot] = { packages: [] };
    if (live === undefined) {
      for (const [chroot, nevras] of await services.db.builds.nevras(row.id)) {
        if (chroot !== SOURCE_CHROOT) packages[chroot] = { packages: nevras.map(nevraJSON) };
      }
      return packages;
    }
    for (const { spec, status } of services.cluster.chrootBuildsOf(live)) {
      if (spec.stage === 'binary') packages[spec.chroot] = { packages: (status?.packages ?? []).map(nevraJSON) };
    }
    return packages;
  },
});

const cancel = defineRoute({
  operation: 'build.cancel',
  methods: ['PUT', 'POST'],
  path: '/build/cancel/:build_id',
  summary: 'Ends a build.',
  access: { right: 'build', on: ({ services, params, signal }) => findBuild(services, params.build_id, signal) },
  params: byNumber,
  result: buildResult,
  async handle({ services, found, signal }) {
    const { live, row } = found;
    if (live === undefined || isFinished(live) || live.spec.cancelled)
      throw conflict(`Build ${row.id} has ended (${row.state}); it cannot be canceled any more.`);
    return liveJSON(services, found, await services.cluster.cancelBuild(live, signal));
  },
});

const remove = defineRoute({
  operation: 'build.delete',
  methods: ['DELETE', 'POST'],
  path: '/build/delete/:build_id',
  summary: 'Deletes a build with its packages and logs.',
  access: { right: 'edit', on: ({ services, params, signal }) => findBuild(services, params.build_id, signal) },
  params: byNumber,
  result: buildResult,
  async handle({ services, found, signal }) {
    const { live, row } = found;
    if (found.project.spec.persistent)
      throw forbidden(`Project ${found.fullName} is persistent; its builds cannot be deleted.`);
    if (live !== undefined && !isFinished(live))
      throw conflict(`Build ${row.id} has not ended; cancel it, or wait for its end, and delete it then.`);
    await services.cluster.removeBuilds(found, [row.id], signal);
    return foundJSON(services, found);
  },
});

const removeList = defineRoute({
  operation: 'build.delete-list',
  methods: ['DELETE', 'POST'],
  path: '/build/delete/list',
  summary: 'Deletes builds with their packages and logs: all of them, or none.',
  access: 'user',
  body: z.object({ builds: ids() }),
  aliases: { build_ids: 'builds' },
  result: z.strictObject({ builds: z.array(z.int()) }),
  async handle(call) {
    const { services, body, signal } = call;
    const numbers = [...new Set(body.builds)];
    if (numbers.length === 0) throw badRequest('builds: name at least one build.');
    const sorted = await sortForDeletion(services, callerOf(call), numbers, signal);
    if (sorted.problems.length > 0) throw badRequest(sorted.problems.join('\n'));
    for (const { project, builds } of sorted.projects) await services.cluster.removeBuilds(project, builds, signal);
    return { builds: numbers };
  },
});

export const buildRoutes: readonly AnyRoute[] = [
  get,
  list,
  sourceChroot,
  sourceConfig,
  builtPackages,
  cancel,
  remove,
  removeList,
];
