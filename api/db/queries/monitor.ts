import type { MonitorQueries, MonitorRow } from '../database.ts';
import type { Sql, Statement } from '../sql.ts';

export const ROWS: Statement = {
  name: 'monitor.rows',
  text: `
    SELECT package, chroot, build_id AS build, state, version, results_url AS "resultsURL"
    FROM monitor WHERE project_uid = $1 AND dirname = $2 ORDER BY package, chroot`,
};
/** What is shown in place of builds that do not count. */
export const ROWS_WITHOUT: Statement = {
  name: 'monitor.rowsWithout',
  text: `
    SELECT m.package, m.chroot, shown.*
    FROM monitor m
    CROSS JOIN LATERAL (
      SELECT m.build_id AS build, m.state, m.version, m.results_url AS "resultsURL" WHERE m.build_id <> ALL($3::int8[])
      UNION ALL
      (SELECT b.id, c.state, b.version, c.results_url
      FROM builds b JOIN build_chroots c ON c.build_id = b.id AND c.chroot = m.chroot
      WHERE m.build_id = ANY($3::int8[]) AND b.project_uid = $1 AND b.dirname = $2 AND b.package = m.package
        AND b.id <> ALL($3::int8[])
      ORDER BY b.id DESC LIMIT 1)
    ) AS shown
    WHERE m.project_uid = $1 AND m.dirname = $2 ORDER BY m.package, m.chroot`,
};

export function monitorQueries(sql: Sql): MonitorQueries {
  return {
    rows: (project, dirname, excluding = []) =>
      excluding.length === 0
        ? sql.rows<MonitorRow>(ROWS, [project, dirname])
        : sql.rows<MonitorRow>(ROWS_WITHOUT, [project, dirname, [...excluding]]),
  };
}
