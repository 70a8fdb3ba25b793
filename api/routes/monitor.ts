/** The state of every package of a project in every chroot. */
import { z } from 'zod';
import { parseDirname } from '../history/dirname.ts';
import { MONITOR_FIELDS, type MonitorField, monitorPackages } from '../history/json.ts';
import { liveChroots, liveMonitorRows } from '../history/live.ts';
import { BATCH } from '../history/union.ts';
import { badRequest } from '../http/errors.ts';
import { list, text } from '../http/fields.ts';
import type { AnyRoute } from '../http/route.ts';
import { defineRoute } from '../http/route.ts';
import { activeChroots } from './build-create-options.ts';
import { projectNamed, rowOf } from './builds-find.ts';
import { monitorResult } from './builds-schemas.ts';
import { LONG, piecesOf, streamedList } from './builds-stream.ts';

const monitor = defineRoute({
  operation: 'monitor.get',
  methods: ['GET'],
  path: '/monitor',
  summary: 'The newest build of each package in each active chroot.',
  access: 'anyone',
  query: z.object({
    ownername: text(),
    projectname: text(),
    project_dirname: text().optional().describe('Directory of the project; default: the main one.'),
    'additional_fields[]': list(10)
      .optional()
      .describe(`Any of ${MONITOR_FIELDS.join(', ')}.`),
    additional_fields: list(10).optional().describe('The same.'),
  }),
  result: monitorResult,
  async handle({ services, query }) {
    const { cluster, db, config } = services;
    const view = projectNamed(services, query.ownername, query.projectname);
    const fields = fieldsOf([...(query['additional_fields[]'] ?? []), ...(query.additional_fields ?? [])]);
    const directory = parseDirname(view.name, query.project_dirname);
    if ('problem' in directory) throw badRequest(`project_dirname: ${directory.problem}`);
    const dirname = directory.directory === undefined ? view.name : `${view.name}:${directory.directory}`;
    const removed = cluster.removed(view);
    const live = cluster
      .buildsOf(view)
      .filter(({ spec }) => spec.directory === directory.directory)
      .flatMap((build) => {
        const row = rowOf(services, view, build);
        return row === undefined ? [] : liveMonitorRows(row, liveChroots(build, cluster.chrootBuildsOf(build)));
      });
    // What is live and recorded is shown as live. What is being removed must not hide what was before it.
    const recorded = await db.monitor.rows(view.uid, dirname, removed);
    const packages = monitorPackages({
      live,
      recorded,
      chroots: activeChroots(services, view),
      fields,
      frontendURL: config.frontendURL,
      resultsURL: config.resultsURL,
    });
    const head = { output: 'ok', message: 'monitor request successful' };
    if (packages.length <= LONG) return { ...head, packages };
    return streamedList('packages', piecesOf(packages, BATCH), (one) => one, { before: head });
  },
});

function fieldsOf(asked: readonly string[]): ReadonlySet<MonitorField> {
  const known = new Set<string>(MONITOR_FIELDS);
  const names = asked.flatMap((value) => value.split(',')).filter((name) => name !== '');
  const wrong = names.filter((name) => !known.has(name));
  if (wrong.length > 0)
    throw badRequest(
      `additional_fields: ${wrong.join(', ').slice(0, 200)} is not a valid choice for this field; it is one of ${MONITOR_FIELDS.join(', ')}`,
    );
  return new Set(names as MonitorField[]);
}

export const monitorRoutes: readonly AnyRoute[] = [monitor];
