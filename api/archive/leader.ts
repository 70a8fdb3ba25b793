/** One process at a time keeps the history: a lock of the database that lasts as long as its own connection. */
import pg from 'pg';
import type { Clock } from '../../lib/clock.ts';
import { translate } from '../db/errors.ts';
import { connectionSettings } from '../db/pool.ts';

/** Any number that no other program takes in the same database. */
const LOCK = 0x6b6f7073;
const HEARTBEAT_MS = 5_000;
const ANSWER_MS = 5_000;

/**
 * Runs `work` while this process has the lock; its signal aborts when the lock may be another's. Returns false at once
 * when another process has it. Throws DatabaseAway when the connection cannot be made or was lost.
 */
export async function withArchiveLock(
  deps: { url: string; clock: Clock; signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const client = new pg.Client({
    ...connectionSettings(deps.url, 'kopr-archiver'),
    statement_timeout: ANSWER_MS,
    query_timeout: ANSWER_MS,
  });
  const lost = new AbortController();
  const lose = (error: unknown): void => lost.abort(translate(error));
  const stop = (): void => lost.abort(deps.signal.reason);
  client.on('error', lose);
  client.on('end', () => lose(new Error('Connection terminated')));
  try {
    await client.connect();
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [LOCK]);
    if (rows[0]?.locked !== true) return false;
    deps.signal.throwIfAborted();
    deps.signal.addEventListener('abort', stop, { once: true });
    // A connection that nobody answers on any more is not reported: it must be asked.
    const beating = heartbeat(client, deps.clock, lost.signal).catch(lose);
    try {
      await work(lost.signal);
    } finally {
      lost.abort(new Error('the work is over'));
      await beating;
    }
    return true;
  } catch (error) {
    throw translate(error);
  } finally {
    deps.signal.removeEventListener('abort', stop);
    await client.end().catch(() => undefined);
  }
}

async function heartbeat(client: pg.Client, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(HEARTBEAT_MS, signal);
    } catch {
      return;
    }
    await client.query('SELECT 1');
  }
}
