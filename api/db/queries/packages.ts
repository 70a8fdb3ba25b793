import type {
  BuildRow,
  NewPackage,
  PackageFilter,
  PackageQueries,
  PackageRow,
  PackageWithBuilds,
} from '../database.ts';
import type { Sql, Statement } from '../sql.ts';

const COLUMNS = `p.id, p.project_uid AS "projectUID", p.name, p.declared, p.first_source AS "firstSource"`;

export const LIST: Statement = {
  name: 'packages.list',
  text: `SELECT ${COLUMNS} FROM packages p WHERE p.project_uid = $1 ORDER BY p.name LIMIT $2 OFFSET $3`,
};
export const COUNT: Statement = {
  name: 'packages.count',
  text: 'SELECT count(*) AS count FROM packages WHERE project_uid = $1',
};
const GET: Statement = {
  name: 'packages.get',
  text: `SELECT ${COLUMNS} FROM packages p WHERE p.project_uid = $1 AND p.name = $2`,
};
export const BUILDS: Statement = {
  name: 'packages.builds',
  text: 'SELECT id FROM builds WHERE project_uid = $1 AND package = $2 ORDER BY id',
};
/** A new row may be older than its object in the cache of the archiver: `package/add` writes it first. */
const DECLARED: Statement = {
  name: 'packages.declared',
  text: `SELECT ${COLUMNS} FROM packages p WHERE p.declared AND p.declared_at < now() - interval '1 minute'`,
};
const UNDECLARE: Statement = {
  name: 'packages.undeclare',
  text: `
    WITH bare AS (
      DELETE FROM packages p WHERE p.id = $1 AND NOT $2::bool
        AND NOT EXISTS (SELECT 1 FROM builds b WHERE b.project_uid = p.project_uid AND b.package = p.name)
      RETURNING p.id)
    UPDATE packages SET declared = false WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM bare)`,
};
const REMOVE: Statement = {
  name: 'packages.remove',
  text: 'DELETE FROM packages WHERE project_uid = $1 AND name = $2 RETURNING id',
};
/**
 * What a row knows of its first source stays: a package keeps it even when that build is gone. One that comes as an
 * object has none of its own to remember. The rows are sorted by the caller, lest two processes wait for each other.
 */
export const ENSURE_PACKAGES: Statement = {
  name: 'packages.ensureAll',
  text: `
    INSERT INTO packages AS p (project_uid, name, declared, first_source)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::jsonb[])
    ON CONFLICT (project_uid, name) DO UPDATE
    SET declared = p.declared OR excluded.declared, declared_at = CASE WHEN p.declared THEN p.declared_at ELSE now() END,
      first_source = coalesce(p.first_source, excluded.first_source)
    WHERE (excluded.declared AND NOT p.declared) OR (p.first_source IS NULL AND excluded.first_source IS NOT NULL)`,
};
/** The no-op update makes a row that was there be returned; xmax tells it from a new one. */
const ENSURE: Statement = {
  name: 'packages.ensure',
  text: `
    INSERT INTO packages AS p (project_uid, name, declared, first_source) VALUES ($1, $2, $3, $4)
    ON CONFLICT (project_uid, name) DO UPDATE
    SET declared = p.declared OR excluded.declared, declared_at = CASE WHEN p.declared THEN p.declared_at ELSE now() END,
      first_source = coalesce(p.first_source, excluded.first_source)
    RETURNING ${COLUMNS}, (xmax = 0) AS created`,
};

/**
 * The newest build and the newest that succeeded, each by one look into an index. `to_jsonb` of the whole row would
 * carry the spec along.
 */
export function withBuildsStatement(what: 'list' | 'get', byDirectory: boolean, after = false): Statement {
  const dirname = byDirectory ? 'AND b.dirname = $3' : '';
  const tail = (byDirectory ? 4 : 3) + (after ? 1 : 0);
  const newest = (condition: string): string => `
    LEFT JOIN LATERAL (
      SELECT ${JSON_BUILD} AS build FROM builds b
      WHERE b.project_uid = $1 AND b.package = p.name ${dirname} AND b.id <> ALL($2::int8[]) ${condition}
      ORDER BY b.id DESC LIMIT 1
    )`;
  const where =
    what === 'get'
      ? `p.name = $${tail}`
      : `${after ? `p.name > $${tail - 1}` : 'true'} ORDER BY p.name LIMIT $${tail} OFFSET $${tail + 1}`;
  return {
    name: `packages.${what}WithBuilds${byDirectory ? '.dirname' : ''}${after ? '.after' : ''}`,
    text: `
    SELECT ${COLUMNS}, latest.build AS latest, succeeded.build AS "latestSucceeded"
    FROM packages p ${newest('')} AS latest ON true ${newest("AND b.state = 'succeeded'")} AS succeeded ON true
    WHERE p.project_uid = $1 AND ${where}`,
  };
}

const JSON_BUILD = `json_build_object('id', b.id, 'projectUID', b.project_uid, 'objectName', b.object_name, 'uid', b.uid,
  'dirname', b.dirname, 'package', b.package, 'version', b.version, 'state', b.state, 'reason', b.reason,
  'submittedOn', b.submitted_on, 'startedOn', b.started_on, 'endedOn', b.ended_on, 'submitter', b.submitter,
  'isBackground', b.is_background, 'chroots', b.chroots, 'srpmURL', b.srpm_url)`;

export function packageValues(packages: readonly NewPackage[]): unknown[] {
  const key = (pkg: NewPackage): string => `${pkg.projectUID} ${pkg.name}`;
  // ON CONFLICT refuses to touch a row twice in one statement.
  const unique = new Map<string, NewPackage>();
  for (const pkg of packages) {
    const other = unique.get(key(pkg));
    unique.set(key(pkg), {
      ...pkg,
      declared: pkg.declared || (other?.declared ?? false),
      firstSource: other?.firstSource ?? pkg.firstSource,
    });
  }
  const sorted = [...unique.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return [
    sorted.map(({ projectUID }) => projectUID),
    sorted.map(({ name }) => name),
    sorted.map(({ declared }) => declared),
    sorted.map(({ firstSource }) => json(firstSource)),
  ];
}

function json(source: NewPackage['firstSource']): string | null {
  return source === null ? null : JSON.stringify(source);
}

function filterValues({ project, excluding, dirname }: PackageFilter): unknown[] {
  return [project, [...(excluding ?? [])], ...(dirname === undefined ? [] : [dirname])];
}

interface WithBuilds extends PackageRow {
  latest: BuildRow | null;
  latestSucceeded: BuildRow | null;
}

export function packageQueries(sql: Sql): PackageQueries {
  return {
    list: (project, { limit, offset }) => sql.rows<PackageRow>(LIST, [project, limit, offset]),
    listWithBuilds: (filter, { limit, offset }) =>
      sql.rows<WithBuilds>(withBuildsStatement('list', filter.dirname !== undefined, filter.after !== undefined), [
        ...filterValues(filter),
        ...(filter.after === undefined ? [] : [filter.after]),
        limit,
        offset,
      ]),
    count: async (project) => (await sql.rows<{ count: number }>(COUNT, [project]))[0]?.count ?? 0,
    get: async (project, name) => (await sql.rows<PackageRow>(GET, [project, name]))[0],
    async getWithBuilds(filter, name): Promise<PackageWithBuilds | undefined> {
      const statement = withBuildsStatement('get', filter.dirname !== undefined);
      return (await sql.rows<WithBuilds>(statement, [...filterValues(filter), name]))[0];
    },
    async ensure({ projectUID, name, declared, firstSource }) {
      const values = [projectUID, name, declared, json(firstSource)];
      const [row] = await sql.rows<PackageRow & { created: boolean }>(ENSURE, values);
      return row as PackageRow & { created: boolean };
    },
    async ensureAll(packages) {
      if (packages.length > 0) await sql.rows(ENSURE_PACKAGES, packageValues(packages));
    },
    declared: () => sql.rows<PackageRow>(DECLARED),
    async undeclare(id, keep) {
      await sql.rows(UNDECLARE, [id, keep]);
    },
    remove: async (project, name) => (await sql.rows(REMOVE, [project, name])).length > 0,
    builds: async (project, name) => (await sql.rows<{ id: number }>(BUILDS, [project, name])).map(({ id }) => id),
  };
}
