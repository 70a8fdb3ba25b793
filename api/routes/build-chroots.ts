/** The chroots of builds. */

import { z } from 'zod';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';
import type { ChrootRow } from '../db/database.ts';
import { buildChrootJSON, nevraJSON } from '../history/json.ts';
import { liveChroots } from '../history/live.ts';
import { ApiError, badRequest, notFound } from '../http/errors.ts';
import { id, text } from '../http/fields.ts';
import { listAnswer, pageOf, pagingFields, slice } from '../http/paging.ts';
import type { AnyRoute } from '../http/route.ts';
import { defineRoute } from '../http/route.ts';
import type { Services } from '../services.ts';
import { buildConfigJSON } from './build-chroots-config.ts';
import { MEMORY_LIMIT } from './builds.ts';
import { type FoundBuild, findBuild } from './builds-find.ts';
import { buildChrootResult, buildConfigResult, listResult, packagesResult } from './builds-schemas.ts';

/** In the query; in old paths they are variables. */
const named = z.object({ build_id: id('Build').optional(), chrootname: text(128).optional() });
type Named = z.infer<typeof named>;

interface Target {
  params: Named;
  query: Named;
  services: Services;
  signal: AbortSignal;
}

function buildOf({ params, query, services, signal }: Omit<Target, 'chrootname'>): Promise<FoundBuild> {
  const number = params.build_id ?? query.build_id;
  if (number === undefined) throw badRequest('Missing argument build_id');
  return findBuild(services, number, signal);
}

/** The chroots of a build, without the source stage. */
async function chrootsOf({ cluster, db }: Services, { live, row }: FoundBuild): Promise<ChrootRow[]> {
  const all = live ? liveChroots(live, cluster.chrootBuildsOf(live)) : await db.builds.chroots(row.id);
  return all.filter(({ name }) => name !== SOURCE_CHROOT);
}

async function chrootOf(target: Target): Promise<{ found: FoundBuild; chroot: ChrootRow }> {
  const name = target.params.chrootname ?? target.query.chrootname;
  if ((target.params.build_id ?? target.query.build_id) !== undefined && name === undefined)
    throw badRequest('Missing argument chrootname');
  const found = await buildOf(target);
  const chroot = (await chrootsOf(target.services, found)).find((one) => one.name === name);
  if (chroot !== undefined) return { found, chroot };
  if (target.services.cluster.chroot(name ?? '') === undefined) throw notFound(`Chroot ${name} does not exist.`);
  throw notFound(`Build ${found.row.id} is not built in chroot ${name}.`);
}

const get = defineRoute({
  operation: 'build-chroot.get',
  methods: ['GET'],
  path: '/build-chroot',
  oldPaths: ['/build-chroot/:build_id/:chrootname'],
  summary: 'One chroot of a build.',
  access: 'anyone',
  params: named,
  query: named,
  result: buildChrootResult,
  handle: async (call) => buildChrootJSON((await chrootOf(call)).chroot, call.services.config.resultsURL),
});

const list = defineRoute({
  operation: 'build-chroot.list',
  methods: ['GET'],
  path: '/build-chroot/list',
  oldPaths: ['/build-chroot/list/:build_id'],
  summary: 'The chroots of a build.',
  access: 'anyone',
  params: z.object({ build_id: id('Build').optional() }),
  query: z.object({ build_id: id('Build').optional(), ...pagingFields(['id', 'name', 'state']) }),
  result: listResult(buildChrootResult),
  async handle(call) {
    const page = pageOf(call.query, 'id');
    try {
      const all = await chrootsOf(call.services, await buildOf(call));
      return listAnswer(
        slice(all, page).map((row) => buildChrootJSON(row, call.services.config.resultsURL)),
        page,
      );
    } catch (error) {
      // A build that does not exist has no chroots; Copr says no more.
      if (error instanceof ApiError && error.status === 404) return listAnswer([], page);
      throw error;
    }
  },
});

const config = defineRoute({
  operation: 'build-chroot.build-config',
  methods: ['GET'],
  path: '/build-chroot/build-config',
  oldPaths: ['/build-chroot/build-config/:build_id/:chrootname'],
  summary: 'How a chroot of a build is built.',
  access: 'anyone',
  params: named,
  query: named,
  result: buildConfigResult,
  async handle(call) {
    const { found, chroot } = await chrootOf(call);
    const { owner, name, project, row, spec } = found;
    const { resultsURL } = call.services.config;
    const input = { owner, name, project, chroot: chroot.name, dirname: row.dirname, spec };
    return buildConfigJSON({ ...input, resultsURL, memoryLimit: MEMORY_LIMIT });
  },
});

const builtPackages = defineRoute({
  operation: 'build-chroot.built-packages',
  methods: ['GET'],
  path: '/build-chroot/built-packages',
  oldPaths: ['/build-chroot/built-packages/:build_id/:chrootname'],
  summary: 'Packages that a build has published in a chroot.',
  access: 'anyone',
  params: named,
  query: named,
  result: packagesResult,
  async handle(call) {
    const { found, chroot } = await chrootOf(call);
    const { cluster, db } = call.services;
    if (found.live === undefined) {
      const nevras = (await db.builds.nevras(found.row.id)).get(chroot.name) ?? [];
      return { packages: nevras.map(nevraJSON) };
    }
    const stage = cluster.chrootBuildsOf(found.live).find(({ spec }) => spec.chroot === chroot.name);
    return { packages: (stage?.status?.packages ?? []).map(nevraJSON) };
  },
});

export const buildChrootRoutes: readonly AnyRoute[] = [get, list, config, builtPackages];
