/** The database of the API: brings the schema forward in the background, as often as it takes, and answers queries. */
import type { Clock } from '../../lib/clock.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Database } from './database.ts';
import { DatabaseAway, isSchemaError } from './errors.ts';
import { migrate } from './migrate.ts';
import { createPool } from './pool.ts';
import { buildQueries } from './queries/builds.ts';
import { counterQueries } from './queries/counters.ts';
import { groupQueries } from './queries/groups.ts';
import { monitorQueries } from './queries/monitor.ts';
import { packageQueries } from './queries/packages.ts';
import { projectQueries } from './queries/projects.ts';
import { tokenQueries } from './queries/tokens.ts';
import { userQueries } from './queries/users.ts';
import type { SqlPool } from './sql.ts';

export interface DatabaseOptions {
  url: string;
  clock: Clock;
  log: Logger;
  /** Connections at most, without the archiver's. Default 10. */
  connections?: number;
}

const RETRY_MS = [250, 500, 1_000, 2_000, 5_000];

/** Returns at once. Until the schema is in place every call throws DatabaseAway; whenReady() waits for it. */
export function openDatabase(options: DatabaseOptions): Database {
  const { clock, log, url } = options;
  const pool = createPool(options);
  const closing = new AbortController();
  let ready = false;
  let obstacle: unknown = new Error('not connected yet');
  let migration = prepare();

  async function prepare(): Promise<void> {
    for (let attempt = 0; !closing.signal.aborted; attempt += 1) {
      try {
        await migrate(url, log);
        ready = true;
        return;
      } catch (error) {
        obstacle = error;
        log.warn({ error: errorMessage(error) }, 'the schema of the database could not be looked at');
        if (error instanceof TerminalError) return;
      }
      const ms = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 5_000;
      await clock.sleep(ms, closing.signal).catch(() => undefined);
    }
  }

  /** The database may have been replaced by an empty or an older one. */
  function doubt(error: unknown): void {
    if (!ready || !(error instanceof DatabaseAway) || !isSchemaError(error.cause)) return;
    ready = false;
    obstacle = error;
    migration = prepare();
  }

  async function guarded<R>(work: () => Promise<R>): Promise<R> {
    if (!ready) throw new DatabaseAway(`the database is not ready: ${errorMessage(obstacle)}`, { cause: obstacle });
    try {
      return await work();
    } catch (error) {
      doubt(error);
      throw error;
    }
  }

  const sql: SqlPool = {
    rows: (statement, values) => guarded(() => pool.rows(statement, values)),
    transaction: (work) => guarded(() => pool.transaction(work)),
  };

  return {
    users: userQueries(sql),
    tokens: tokenQueries(sql),
    groups: groupQueries(sql),
    projects: projectQueries(sql),
    builds: buildQueries(sql),
    packages: packageQueries(sql),
    monitor: monitorQueries(sql),
    counters: counterQueries(sql),
    problem: () => (ready ? pool.failure() : errorMessage(obstacle)),
    async whenReady(signal) {
      while (!ready) {
        if (obstacle instanceof TerminalError) throw obstacle;
        await clock.sleep(50, signal);
      }
    },
    async close() {
      closing.abort(new Error('the database was closed'));
      await migration;
      await pool.close();
    },
  };
}
