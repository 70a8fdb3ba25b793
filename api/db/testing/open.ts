import { systemClock } from '../../../lib/clock.ts';
import { quietLog } from '../../../operator/testing/harness.ts';
import type { Database } from '../database.ts';
import { openDatabase } from '../index.ts';

/** A database with its schema in place. */
export async function openTestDatabase(url: string): Promise<Database> {
  const db = openDatabase({ url, clock: systemClock, log: quietLog });
  await db.whenReady(AbortSignal.timeout(20_000));
  return db;
}
