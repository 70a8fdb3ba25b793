/**
 * Connections to PostgreSQL, each with deadlines: a request of the API never waits longer than these for the database.
 * A connection that met any error is thrown away; the next call makes another, so an outage ends by itself.
 */
import pg from 'pg';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { DatabaseAway, isTransient, translate } from './errors.ts';
import type { Sql, SqlPool, Statement } from './sql.ts';
import { sqlOf } from './sql.ts';

const CONNECT_MS = 3_000;
const STATEMENT_MS = 5_000;
/** When even the server's deadline is not heard of. */
const ANSWER_MS = 7_000;
const IDLE_MS = 60_000;
/** After a connection that failed, calls fail at once for so long instead of queueing up for the next failure. */
const REST_MS = 500;
const TRIES = 3;

const INT8 = 20;

/**
 * Costs of pages that are in memory, as ours are: with the default the planner takes every row of a project and sorts,
 * where it could read the newest hundred from the index. Compiling a statement takes longer than running ours.
 */
const SESSION = '-c random_page_cost=1.1 -c jit=off -c timezone=UTC';

export interface PoolOptions {
  /** postgres://… */
  url: string;
  clock: Clock;
  log: Logger;
  /** Connections at most. Default 10. */
  connections?: number;
}

export interface ConnectionPool extends SqlPool {
  /** Why the last call failed, while nothing has succeeded since. */
  failure(): string | undefined;
  close(): Promise<void>;
}

/** What is common to the connections of the pool and those on their own. */
export function connectionSettings(url: string, applicationName: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: SESSION,
    types: { getTypeParser: parserOf as typeof pg.types.getTypeParser },
  };
}

function parserOf(oid: number, format?: 'text' | 'binary'): unknown {
  // Numbers of builds are far below 2^53.
  if (oid === INT8 && format !== 'binary') return Number;
  return pg.types.getTypeParser(oid, format as 'text');
}

export function createPool(options: PoolOptions): ConnectionPool {
  const { clock, log } = options;
  const pool = new pg.Pool({
    ...connectionSettings(options.url, 'kopr-api'),
    statement_timeout: STATEMENT_MS,
    query_timeout: ANSWER_MS,
    idle_in_transaction_session_timeout: 2 * ANSWER_MS,
    idleTimeoutMillis: IDLE_MS,
    max: options.connections ?? 10,
  });
  // Of connections that nobody uses. Without a listener it would end the process.
  pool.on('error', (error) => log.warn({ error: errorMessage(error) }, 'an idle connection to the database was lost'));
  let failed: { error: DatabaseAway; until: number } | undefined;

  async function connect(): Promise<pg.PoolClient> {
    if (failed !== undefined && clock.monotonic() < failed.until) throw failed.error;
    try {
      return await pool.connect();
    } catch (error) {
      const away = translate(error);
      if (!(away instanceof DatabaseAway)) throw away;
      if (failed === undefined) log.warn({ error: away.message }, 'the database is away');
      failed = { error: away, until: clock.monotonic() + REST_MS };
      throw away;
    }
  }

  async function use<R>(work: (sql: Sql) => Promise<R>): Promise<R> {
    const client = await connect();
    // A connection may break while no statement runs on it; the next statement reports it.
    const ignore = (): void => undefined;
    client.on('error', ignore);
    let broken: unknown;
    try {
      const result = await work(sqlOf(client));
      if (failed !== undefined) log.info('the database answers again');
      failed = undefined;
      return result;
    } catch (error) {
      broken = error;
      throw translate(error);
    } finally {
      client.off('error', ignore);
      client.release(broken !== undefined);
    }
  }

  async function transaction<R>(work: (sql: Sql) => Promise<R>): Promise<R> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await use(async (sql) => {
          await sql.rows(BEGIN);
          const result = await work(sql);
          await sql.rows(COMMIT);
          return result;
        });
      } catch (error) {
        // The connection was thrown away, and with it what the transaction had done.
        if (attempt >= TRIES || !(error instanceof DatabaseAway) || !isTransient(error.cause)) throw error;
      }
    }
  }

  return {
    rows: (statement, values) => use((sql) => sql.rows(statement, values)),
    transaction,
    failure: () => failed?.error.message,
    close: () => pool.end(),
  };
}

const BEGIN: Statement = { name: 'begin', text: 'BEGIN' };
const COMMIT: Statement = { name: 'commit', text: 'COMMIT' };
