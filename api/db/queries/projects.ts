import type { ProjectQueries, ProjectRow } from '../database.ts';
import type { Sql, Statement } from '../sql.ts';

const COLUMNS = 'uid, id, owner, name, namespace, object_name AS "objectName"';

/** The order of the values of `projectValues`. A number that is known is never forgotten. */
export const PUT_PROJECT: Statement = {
  name: 'projects.put',
  text: `
    INSERT INTO projects AS p (uid, id, owner, name, namespace, object_name) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (uid) DO UPDATE SET id = coalesce(excluded.id, p.id), owner = excluded.owner, name = excluded.name
    WHERE (p.id, p.owner, p.name) IS DISTINCT FROM (coalesce(excluded.id, p.id), excluded.owner, excluded.name)`,
};
const BY_UID: Statement = {
  name: 'projects.byUID',
  text: `SELECT ${COLUMNS} FROM projects WHERE uid = $1 AND deleted_at IS NULL`,
};
const LIST: Statement = { name: 'projects.list', text: `SELECT ${COLUMNS} FROM projects` };
const MARK: Statement = {
  name: 'projects.mark',
  text: 'UPDATE projects SET deleted_at = coalesce(deleted_at, now()) WHERE uid = $1 RETURNING uid',
};
/** Of a long history a part each: every statement has a deadline. */
const REMOVE_BUILDS: Statement = {
  name: 'projects.removeBuilds',
  text: `DELETE FROM builds WHERE id IN (SELECT id FROM builds WHERE project_uid = $1 ORDER BY id LIMIT 1000) RETURNING id`,
};
const REMOVE_PACKAGES: Statement = {
  name: 'projects.removePackages',
  text: 'DELETE FROM packages WHERE project_uid = $1',
};
const REMOVE: Statement = { name: 'projects.remove', text: 'DELETE FROM projects WHERE uid = $1' };

export function projectValues({ uid, id, owner, name, namespace, objectName }: ProjectRow): unknown[] {
  return [uid, id, owner, name, namespace, objectName];
}

export function projectQueries(sql: Sql): ProjectQueries {
  return {
    async put(project) {
      await sql.rows(PUT_PROJECT, projectValues(project));
    },
    byUID: async (uid) => (await sql.rows<ProjectRow>(BY_UID, [uid]))[0],
    list: () => sql.rows<ProjectRow>(LIST),
    async remove(uid) {
      // Each step may be the last that happens; who repeats it goes on where it ended.
      if ((await sql.rows(MARK, [uid])).length === 0) return;
      while ((await sql.rows(REMOVE_BUILDS, [uid])).length > 0);
      await sql.rows(REMOVE_PACKAGES, [uid]);
      await sql.rows(REMOVE, [uid]);
    },
  };
}
