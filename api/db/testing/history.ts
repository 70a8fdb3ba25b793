/** Years of history in seconds: builds of many projects, made by the server itself. */
import pg from 'pg';

export interface GeneratedHistory {
  builds: number;
  projects: number;
}

/**
 * The first project has a tenth of all builds, the others share the rest: what is fast for most must be fast for the
 * largest too. Numbers of builds go round the projects, as time does. A build has a source stage and two chroots.
 * Names: project `p1`, `p2` … with uid `uid-p1`; packages `pkg0` … `pkg49` in the first, `pkg0` … `pkg4` in the others.
 */
export async function generateHistory(url: string, { builds, projects }: GeneratedHistory): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements(builds, projects)) await client.query(statement);
  } finally {
    await client.end();
  }
}

function statements(builds: number, projects: number): string[] {
  return [
    `INSERT INTO projects (uid, id, owner, name, namespace, object_name)
      SELECT 'uid-p' || n, n, 'owner' || n % 100, 'p' || n, 'owner' || n % 100, 'p' || n FROM generate_series(1, ${projects}) n`,
    `CREATE TEMP TABLE made AS
      SELECT n, CASE WHEN n % 10 = 0 THEN 1 ELSE 2 + n % ${projects - 1} END AS project,
        CASE WHEN n % 10 = 0 THEN n / 10 % 50 ELSE n / ${projects} % 5 END AS pkg,
        CASE WHEN n % 7 = 0 THEN 'failed' WHEN n % 1000 = 1 THEN 'canceled' ELSE 'succeeded' END AS state
      FROM generate_series(1, ${builds}) n`,
    `INSERT INTO builds (id, project_uid, object_name, uid, dirname, package, version, state, submitted_on, started_on,
        ended_on, submitter, is_background, chroots, srpm_url, spec)
      SELECT n, 'uid-p' || project, 'b-' || n, 'uid-b' || n,
        'p' || project || CASE WHEN n % 50 = 3 THEN ':pr:1' ELSE '' END, 'pkg' || pkg, '1.0-' || n, state,
        1700000000 + n * 60, 1700000010 + n * 60, 1700000100 + n * 60, 'user' || n % 100, false,
        ARRAY['fedora-43-x86_64', 'fedora-42-x86_64'],
        'http://results.test/owner/project/srpm-builds/' || lpad(n::text, 8, '0') || '/pkg-1.0-1.src.rpm',
        jsonb_build_object('project', 'p' || project, 'source',
          jsonb_build_object('link', jsonb_build_object('url', 'http://sources.test/pkg' || pkg || '.src.rpm')))
      FROM made`,
    `INSERT INTO build_chroots (build_id, chroot, state, started_on, ended_on, results_url, log_url)
      SELECT n, chroot, state, 1700000010 + n * 60, 1700000100 + n * 60, 'http://results.test/' || chroot || '/' || n,
        'http://results.test/' || chroot || '/' || n || '/builder-live.log'
      FROM made, unnest(ARRAY['srpm-builds', 'fedora-43-x86_64', 'fedora-42-x86_64']) chroot`,
    `INSERT INTO build_packages (build_id, chroot, name, epoch, version, release, arch)
      SELECT n, chroot, 'pkg' || pkg, 0, '1.0', n::text, arch
      FROM made, unnest(ARRAY['fedora-43-x86_64', 'fedora-42-x86_64']) chroot, unnest(ARRAY['src', 'x86_64']) arch
      WHERE state = 'succeeded'`,
    `INSERT INTO packages (project_uid, name, declared, first_source)
      SELECT DISTINCT project_uid, package, false, '{"link": {"url": "http://sources.test/x.src.rpm"}}'::jsonb FROM builds`,
    `INSERT INTO monitor (project_uid, dirname, package, chroot, build_id, state, version, results_url)
      SELECT DISTINCT ON (b.project_uid, b.dirname, b.package, c.chroot)
        b.project_uid, b.dirname, b.package, c.chroot, b.id, c.state, b.version, c.results_url
      FROM builds b JOIN build_chroots c ON c.build_id = b.id AND c.chroot <> 'srpm-builds'
      ORDER BY b.project_uid, b.dirname, b.package, c.chroot, b.id DESC`,
    'ANALYZE',
  ];
}
