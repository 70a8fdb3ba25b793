import { SOURCE_CHROOT } from '../../../lib/protocol/task.ts';
import type { RecordedBuild } from '../database.ts';
import type { Sql, Statement } from '../sql.ts';
import { ENSURE_PACKAGES, packageValues } from './packages.ts';
import { PUT_PROJECT, projectValues } from './projects.ts';

const BUILD: Statement = {
  name: 'record.build',
  text: `
    INSERT INTO builds (id, project_uid, object_name, uid, dirname, package, version, state, reason, submitted_on,
      started_on, ended_on, submitter, is_background, chroots, srpm_url, spec)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (id) DO NOTHING RETURNING id`,
};
const CHROOTS: Statement = {
  name: 'record.chroots',
  text: `
    INSERT INTO build_chroots (build_id, chroot, state, reason, message, started_on, ended_on, results_url, log_url)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::int8[], $8::text[], $9::text[])
    ON CONFLICT (build_id, chroot) DO NOTHING`,
};
const PACKAGES: Statement = {
  name: 'record.packages',
  text: `
    INSERT INTO build_packages (build_id, chroot, name, epoch, version, release, arch)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::int8[], $5::text[], $6::text[], $7::text[])
    ON CONFLICT DO NOTHING`,
};
/** Builds may be recorded in another order than that of their numbers. */
const MONITOR: Statement = {
  name: 'record.monitor',
  text: `
    INSERT INTO monitor AS m (project_uid, dirname, package, build_id, version, chroot, state, results_url)
    SELECT $1, $2, $3, $4, $5, * FROM unnest($6::text[], $7::text[], $8::text[])
    ON CONFLICT (project_uid, dirname, package, chroot) DO UPDATE
    SET build_id = excluded.build_id, state = excluded.state, version = excluded.version,
      results_url = excluded.results_url
    WHERE m.build_id < excluded.build_id`,
};

const UID: Statement = { name: 'record.uid', text: 'SELECT uid FROM builds WHERE id = $1' };

/**
 * Inside a transaction. False when the build is there already: nothing is changed then. Throws when its number is that
 * of another build: its counter was reset, and saying that it is recorded would let its history be deleted.
 */
export async function recordBuild(sql: Sql, recorded: RecordedBuild): Promise<boolean> {
  const { project, build } = recorded;
  await sql.rows(PUT_PROJECT, projectValues(project));
  const inserted = await sql.rows(BUILD, [
    build.id,
    project.uid,
    build.objectName,
    build.uid,
    build.dirname,
    build.package,
    build.version,
    build.state,
    build.reason,
    build.submittedOn,
    build.startedOn,
    build.endedOn,
    build.submitter,
    build.isBackground,
    build.chroots,
    build.srpmURL,
    JSON.stringify(recorded.spec),
  ]);
  if (inserted.length === 0) {
    const [there] = await sql.rows<{ uid: string }>(UID, [build.id]);
    if (there === undefined || there.uid === build.uid) return false;
    throw new Error(
      `number ${build.id} is that of another build in the history (uid ${there.uid}); was the counter of builds reset?`,
    );
  }
  await insertChroots(sql, recorded);
  await insertPackages(sql, recorded);
  if (build.package === null) return true;
  await sql.rows(
    ENSURE_PACKAGES,
    packageValues([{ projectUID: project.uid, name: build.package, declared: false, firstSource: recorded.source }]),
  );
  const stages = recorded.chroots.filter(({ name }) => name !== SOURCE_CHROOT);
  await sql.rows(MONITOR, [
    project.uid,
    build.dirname,
    build.package,
    build.id,
    build.version,
    stages.map(({ name }) => name),
    stages.map(({ state }) => state),
    stages.map(({ resultsURL }) => resultsURL),
  ]);
  return true;
}

async function insertChroots(sql: Sql, { build, chroots }: RecordedBuild): Promise<void> {
  await sql.rows(CHROOTS, [
    build.id,
    chroots.map(({ name }) => name),
    chroots.map(({ state }) => state),
    chroots.map(({ reason }) => reason),
    chroots.map(({ message }) => message),
    chroots.map(({ startedOn }) => startedOn),
    chroots.map(({ endedOn }) => endedOn),
    chroots.map(({ resultsURL }) => resultsURL),
    chroots.map(({ logURL }) => logURL),
  ]);
}

async function insertPackages(sql: Sql, { build, chroots }: RecordedBuild): Promise<void> {
  const packages = chroots.flatMap((chroot) => chroot.packages.map((nevra) => ({ ...nevra, chroot: chroot.name })));
  if (packages.length === 0) return;
  await sql.rows(PACKAGES, [
    build.id,
    packages.map(({ chroot }) => chroot),
    packages.map(({ name }) => name),
    packages.map(({ epoch }) => epoch),
    packages.map(({ version }) => version),
    packages.map(({ release }) => release),
    packages.map(({ arch }) => arch),
  ]);
}
