import type { Nevra } from '../../../lib/rpm/nevra.ts';
import type { BuildDetail, BuildFilter, BuildQueries, BuildRow, ChrootRow, ProjectRow } from '../database.ts';
import type { SqlPool, Statement } from '../sql.ts';
import { BUILD_COLUMNS } from './build-columns.ts';
import { recordBuild } from './record.ts';
import { removeBuilds } from './removal.ts';

/**
 * A statement for each combination of filters that are set, each of which has an index that gives its rows in order. One
 * statement with "$2 IS NULL OR …" would be planned once for all of them.
 */
export function listStatement(filter: BuildFilter, what: 'list' | 'count'): Statement {
  const parts = ['b.project_uid = $1', 'b.id <> ALL($2::int8[])'];
  let name = `builds.${what}`;
  for (const [key, column] of FILTERS) {
    if (filter[key] === undefined) continue;
    parts.push(`b.${column} = $${parts.length + 1}`);
    name += `.${column}`;
  }
  if (filter.before !== undefined) {
    parts.push(`b.id < $${parts.length + 1}`);
    name += '.before';
  }
  const where = `FROM builds b WHERE ${parts.join(' AND ')}`;
  if (what === 'count') return { name, text: `SELECT count(*) AS count ${where}` };
  // The order by all columns of the index, so that it is read backwards whatever the planner thinks of sorting.
  const page = `LIMIT $${parts.length + 1} OFFSET $${parts.length + 2}`;
  return { name, text: `SELECT ${BUILD_COLUMNS} ${where} ORDER BY b.id DESC ${page}` };
}

export function filterValues(filter: BuildFilter): unknown[] {
  const values: unknown[] = [filter.project, [...(filter.excluding ?? [])]];
  for (const [key] of FILTERS) if (filter[key] !== undefined) values.push(filter[key]);
  if (filter.before !== undefined) values.push(filter.before);
  return values;
}

const FILTERS = [
  ['package', 'package'],
  ['status', 'state'],
  ['dirname', 'dirname'],
] as const;

const DETAIL = `${BUILD_COLUMNS}, b.spec, p.id AS "projectID", p.owner, p.name, p.namespace, p.object_name AS "projectObject"
  FROM builds b JOIN projects p ON p.uid = b.project_uid`;
export const GET: Statement = {
  name: 'builds.get',
  text: `SELECT ${DETAIL} WHERE b.id = $1 AND p.deleted_at IS NULL`,
};
export const BY_NUMBERS: Statement = {
  name: 'builds.byNumbers',
  text: `SELECT ${DETAIL} WHERE b.id = ANY($1::int8[]) AND p.deleted_at IS NULL`,
};
export const CHROOTS: Statement = {
  name: 'builds.chroots',
  text: `
    SELECT build_id AS build, chroot AS name, state, reason, message, started_on AS "startedOn", ended_on AS "endedOn",
      results_url AS "resultsURL", log_url AS "logURL"
    FROM build_chroots WHERE build_id = $1 ORDER BY chroot <> 'srpm-builds', chroot`,
};
export const NEVRAS: Statement = {
  name: 'builds.nevras',
  text: `
    SELECT chroot, name, epoch, version, release, arch FROM build_packages
    WHERE build_id = $1 ORDER BY chroot, name, arch`,
};
const RECORDED: Statement = { name: 'builds.recorded', text: 'SELECT id FROM builds WHERE id = ANY($1::int8[])' };

interface DetailColumns extends BuildRow {
  spec: Record<string, unknown>;
  projectID: number | null;
  owner: string;
  name: string;
  namespace: string;
  projectObject: string;
}

function detailOf(columns: DetailColumns): BuildDetail {
  const { projectID: id, owner, name, namespace, projectObject: objectName, ...build } = columns;
  const project: ProjectRow = { uid: build.projectUID, id, owner, name, namespace, objectName };
  return { ...build, project };
}

export function buildQueries(pool: SqlPool): BuildQueries {
  return {
    list: (filter, { limit, offset }) =>
      pool.rows<BuildRow>(listStatement(filter, 'list'), [...filterValues(filter), limit, offset]),

    async count(filter) {
      const [row] = await pool.rows<{ count: number }>(listStatement(filter, 'count'), filterValues(filter));
      return row?.count ?? 0;
    },

    async get(id) {
      const [row] = await pool.rows<DetailColumns>(GET, [id]);
      return row === undefined ? undefined : detailOf(row);
    },

    byNumbers: async (ids) => (await pool.rows<DetailColumns>(BY_NUMBERS, [[...ids]])).map(detailOf),

    chroots: (id) => pool.rows<ChrootRow>(CHROOTS, [id]),

    async nevras(id) {
      const packages = new Map<string, Nevra[]>();
      for (const { chroot, ...nevra } of await pool.rows<Nevra & { chroot: string }>(NEVRAS, [id])) {
        const list = packages.get(chroot);
        if (list === undefined) packages.set(chroot, [nevra]);
        else list.push(nevra);
      }
      return packages;
    },

    record: (build) => pool.transaction((sql) => recordBuild(sql, build)),

    recorded: async (ids) => (await pool.rows<{ id: number }>(RECORDED, [[...ids]])).map(({ id }) => id),

    remove: (projectUID, ids) => pool.transaction((sql) => removeBuilds(sql, projectUID, ids)),
  };
}
