/** What dnf asks for. All of it is answered from the cluster: machines install packages while the database is away. */
import { z } from 'zod';
import { nameReleaseOf, repoFileText } from '../../lib/repo-file/repo-file.ts';
import type { ProjectView } from '../cluster/index.ts';
import { DOWNLOADS } from '../db/constants.ts';
import { splitDirname } from '../history/dirname.ts';
import { notFound } from '../http/errors.ts';
import { text } from '../http/fields.ts';
import { textReply } from '../http/reply.ts';
import type { AnyRoute } from '../http/route.ts';
import { defineRoute } from '../http/route.ts';
import type { Services } from '../services.ts';
import { projectNamed } from './builds-find.ts';
import {
  chrootsWithRepos,
  dependenciesOf,
  directoriesOf,
  matchChroot,
  multilibOf,
  repoOptions,
  rpmRepoJSON,
} from './dnf-view.ts';

const repoFile = defineRoute({
  operation: 'dnf.repo-file',
  methods: ['GET'],
  base: '',
  path: '/coprs/:ownername/:dirname/repo/:name_release',
  oldPaths: [
    '/coprs/:ownername/:dirname/repo/:name_release/:filename',
    '/coprs/g/:groupname/:dirname/repo/:name_release',
    '/coprs/g/:groupname/:dirname/repo/:name_release/:filename',
  ],
  summary: 'The .repo file of a project for one release of a distribution.',
  access: 'anyone',
  params: z.object({
    ownername: text().optional(),
    groupname: text().optional(),
    dirname: text(),
    name_release: text(128),
    filename: z.string().optional(),
  }),
  query: z.object({ arch: text(32).optional().describe('Architecture of the machine.') }),
  result: 'text',
  handle({ services, params, query }) {
    const { cluster, config } = services;
    const owner = params.groupname === undefined ? (params.ownername ?? '') : `@${params.groupname}`;
    const { dirname, name_release } = params;
    const view = projectOfDirectory(services, owner, dirname);
    const chroots = chrootsWithRepos(view);
    const chroot = matchChroot(chroots, name_release);
    if (chroot === undefined) throw noChroot(view, name_release, chroots);
    services.counters.add(DOWNLOADS, `${view.uid} ${nameReleaseOf(chroot)}`);
    const body = repoFileText({
      owner: view.owner,
      project: dirname,
      nameRelease: nameReleaseOf(chroot),
      resultsURL: config.resultsURL,
      frontendURL: config.frontendURL,
      options: repoOptions(view),
      multilib: query.arch === undefined ? undefined : multilibOf(view, chroot, query.arch),
      dependencies: dependenciesOf(view, (of, name) => cluster.project(of, name)),
    });
    const filename = `${view.owner.replace(/^@/, 'group_')}-${dirname.replaceAll(':', '-')}.repo`;
    return Promise.resolve(textReply(body, { 'Content-Disposition': `filename=${filename}` }));
  },
});

function projectOfDirectory(services: Pick<Services, 'cluster'>, owner: string, dirname: string): ProjectView {
  const { project, directory } = splitDirname(dirname);
  const view = projectNamed(services, owner, project);
  const there = directory === undefined || directoriesOf(view).includes(dirname) || isBuilt(services, view, directory);
  if (!there) throw notFound(`Project ${view.fullName} has no directory ${dirname}.`);
  return view;
}

/** Its first build is on its way; the repository will be there. */
function isBuilt({ cluster }: Pick<Services, 'cluster'>, view: ProjectView, directory: string): boolean {
  return cluster.buildsOf(view).some(({ spec }) => spec.directory === directory);
}

/** dnf4 prints the list that it finds in the header. */
function noChroot(view: ProjectView, name: string, chroots: readonly string[]): Error {
  const data = Buffer.from(JSON.stringify({ 'available chroots': chroots })).toString('base64');
  return notFound(`Project ${view.fullName} has no chroot ${name}; it has ${chroots.join(', ')}.`, {
    'Copr-Error-Data': data,
  });
}

const opts = z.record(z.string(), z.unknown());

const rpmRepo = defineRoute({
  operation: 'dnf.rpmrepo',
  methods: ['GET'],
  path: '/rpmrepo/:ownername/:dirname/:name_version',
  summary: 'All that dnf5 needs to know of a project.',
  access: 'anyone',
  params: z.object({ ownername: text(), dirname: text(), name_version: text(128) }),
  result: z.strictObject({
    results_url: z.string(),
    repos: z.record(
      z.string(),
      z.strictObject({
        arch: z.record(
          z.string(),
          z.strictObject({
            opts,
            delete_after_days: z.int().optional(),
            multilib: z.record(z.string(), z.strictObject({ opts })).optional(),
          }),
        ),
      }),
    ),
    directories: z.record(z.string(), z.strictObject({ delete_after_days: z.int().optional() })),
    dependencies: z.array(
      z.strictObject({ type: z.enum(['copr', 'external_baseurl']), opts, data: z.record(z.string(), z.string()) }),
    ),
    delete_after_days: z.int().optional(),
  }),
  handle({ services, params }) {
    const { cluster, config, clock } = services;
    const view = projectNamed(services, params.ownername, splitDirname(params.dirname).project);
    const chroot = matchChroot(chrootsWithRepos(view), params.name_version);
    if (chroot !== undefined) services.counters.add(DOWNLOADS, `${view.uid} ${nameReleaseOf(chroot)}`);
    const { frontendURL, resultsURL } = config;
    const site = { frontendURL, resultsURL, now: clock.now() };
    return Promise.resolve(rpmRepoJSON(view, (of, name) => cluster.project(of, name), site));
  },
});

export const dnfRoutes: readonly AnyRoute[] = [repoFile, rpmRepo];
