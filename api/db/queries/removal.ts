import type { Sql, Statement } from '../sql.ts';

const SHOWN: Statement = {
  name: 'removal.shown',
  text: `
    SELECT dirname, package, chroot FROM monitor WHERE project_uid = $1 AND build_id = ANY($2::int8[])
    ORDER BY dirname, package, chroot FOR UPDATE`,
};
const DELETE: Statement = {
  name: 'removal.delete',
  text: 'DELETE FROM builds WHERE id = ANY($2::int8[]) AND project_uid = $1 RETURNING id',
};
const SHOW_EARLIER: Statement = {
  name: 'removal.showEarlier',
  text: `
    INSERT INTO monitor AS m (project_uid, dirname, package, chroot, build_id, state, version, results_url)
    SELECT $1, shown.dirname, shown.package, shown.chroot, earlier.*
    FROM unnest($2::text[], $3::text[], $4::text[]) AS shown (dirname, package, chroot)
    CROSS JOIN LATERAL (
      SELECT b.id, c.state, b.version, c.results_url
      FROM builds b JOIN build_chroots c ON c.build_id = b.id AND c.chroot = shown.chroot
      WHERE b.project_uid = $1 AND b.dirname = shown.dirname AND b.package = shown.package
      ORDER BY b.id DESC LIMIT 1
    ) AS earlier
    ON CONFLICT (project_uid, dirname, package, chroot) DO UPDATE
    SET build_id = excluded.build_id, state = excluded.state, version = excluded.version,
      results_url = excluded.results_url
    WHERE m.build_id < excluded.build_id`,
};

interface Shown {
  dirname: string;
  package: string;
  chroot: string;
}

/** Inside a transaction: deletes builds and lets the monitor show what came before them. Returns how many there were. */
export async function removeBuilds(sql: Sql, projectUID: string, ids: readonly number[]): Promise<number> {
  if (ids.length === 0) return 0;
  const shown = await sql.rows<Shown>(SHOWN, [projectUID, [...ids]]);
  const deleted = await sql.rows(DELETE, [projectUID, [...ids]]);
  if (shown.length > 0) {
    await sql.rows(SHOW_EARLIER, [
      projectUID,
      shown.map(({ dirname }) => dirname),
      shown.map((row) => row.package),
      shown.map(({ chroot }) => chroot),
    ]);
  }
  return deleted.length;
}
