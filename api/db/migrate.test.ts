import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { DatabaseAway } from './errors.ts';
import { openDatabase } from './index.ts';
import { migrate, plan } from './migrate.ts';
import type { Migration } from './migrations/index.ts';
import { MIGRATIONS } from './migrations/index.ts';
import type { TestPostgres } from './testing/postgres.ts';
import { startPostgres } from './testing/postgres.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(() => postgres?.stop());

async function query(url: string, text: string): Promise<object[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<object>(text)).rows;
  } finally {
    await client.end();
  }
}

const step = (version: number, sql: string): Migration => ({ version, name: `step ${version}`, sql });

describe('migrations', () => {
  it('have versions without gaps', () => {
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
  });

  it.each([
    ['nothing', [], [1, 2]],
    ['the first', [1], [2]],
    ['everything', [1, 2], []],
  ])('bring forward a database with %s', (_, present, missing) => {
    expect(plan(present, [step(1, ''), step(2, '')]).map(({ version }) => version)).toEqual(missing);
  });

  it('refuse the schema of a newer kopr with a sentence', async () => {
    const url = await postgres.createDatabase();
    await migrate(url, quietLog);
    await query(url, "INSERT INTO schema_migrations (version, name) VALUES (99, 'future')");
    await expect(migrate(url, quietLog)).rejects.toThrow('used by a newer kopr');
    const db = openDatabase({ url, clock: systemClock, log: quietLog });
    await expect(db.whenReady(AbortSignal.timeout(5_000))).rejects.toThrow('schema 99');
    await expect(db.users.list()).rejects.toThrow(DatabaseAway);
    await db.close();
  });

  it('are run once by many processes at a time', async () => {
    const url = await postgres.createDatabase();
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => migrate(url, quietLog)));
    expect(outcomes.filter((missing) => missing.length > 0)).toEqual([MIGRATIONS.map(({ version }) => version)]);
  });

  it('leave nothing of a step that fails, and go on with it', async () => {
    const url = await postgres.createDatabase();
    const good = step(1, 'CREATE TABLE one (n int4)');
    await expect(
      migrate(url, quietLog, [good, step(2, 'CREATE TABLE two (n int4); SELECT nonsense')]),
    ).rejects.toThrow();
    expect(await query(url, "SELECT to_regclass('two') AS two")).toEqual([{ two: null }]);
    expect(await migrate(url, quietLog, [good, step(2, 'CREATE TABLE two (n int4)')])).toEqual([2]);
  });

  it('are run again when the database was replaced by an empty one', async () => {
    const url = await postgres.createDatabase();
    const db = openDatabase({ url, clock: systemClock, log: quietLog });
    await db.whenReady(AbortSignal.timeout(10_000));
    await query(url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await expect(db.users.list()).rejects.toThrow(DatabaseAway);
    await db.whenReady(AbortSignal.timeout(10_000));
    expect(await db.users.list()).toEqual([]);
    await db.close();
  });
});
