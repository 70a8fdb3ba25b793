/** Brings the schema of a database to that of this kopr: forwards only, by one process at a time. */
import pg from 'pg';
import { TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Migration } from './migrations/index.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { connectionSettings } from './pool.ts';

/** Any number that no other program takes in the same database. */
const LOCK = 0x6b6f7072;
/** Another process may be at it; a new index on a long history takes its time. */
const STATEMENT_MS = 10 * 60_000;

/**
 * Returns the versions that were missing.
 * @throws TerminalError `NewerSchema` when the database has a schema that this kopr does not know; any error of pg
 */
export async function migrate(
  url: string,
  log: Logger,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number[]> {
  const client = new pg.Client({ ...connectionSettings(url, 'kopr-migrate'), statement_timeout: STATEMENT_MS });
  client.on('error', () => undefined); // the statement that runs reports it
  await client.connect();
  try {
    // Ends with the connection, however that ends.
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (version int4 PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const { rows } = await client.query<{ version: number }>('SELECT version FROM schema_migrations ORDER BY version');
    const missing = plan(
      rows.map(({ version }) => version),
      migrations,
    );
    for (const migration of missing) {
      await client.query('BEGIN');
      await client.query(migration.sql);
      await client.query('INSERT INTO schema_migrations (version, name) VALUES ($1, $2)', [
        migration.version,
        migration.name,
      ]);
      await client.query('COMMIT');
      log.info({ version: migration.version, name: migration.name }, 'the schema of the database was brought forward');
    }
    return missing.map(({ version }) => version);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The steps that a database lacks. Throws TerminalError `NewerSchema`. */
export function plan(present: readonly number[], migrations: readonly Migration[]): Migration[] {
  const known = new Set(migrations.map(({ version }) => version));
  const unknown = present.find((version) => !known.has(version));
  if (unknown !== undefined) {
    throw new TerminalError(
      'NewerSchema',
      `the database has schema ${Math.max(...present)}, and this kopr knows schemas up to ${migrations.length}: it was used by a newer kopr; run that one, or restore a backup from before`,
    );
  }
  const applied = new Set(present);
  return migrations.filter(({ version }) => !applied.has(version));
}
