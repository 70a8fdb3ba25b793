import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import type { Database } from './database.ts';
import { DatabaseAway } from './errors.ts';
import { openDatabase } from './index.ts';
import { openTestDatabase } from './testing/open.ts';
import type { TestPostgres } from './testing/postgres.ts';
import { startPostgres } from './testing/postgres.ts';
import { aRecordedBuild } from './testing/rows.ts';

let postgres: TestPostgres;
let db: Database | undefined;

beforeEach(async () => {
  postgres = await startPostgres();
});

afterEach(async () => {
  await db?.close();
  db = undefined;
  await postgres.stop();
});

describe('a database that goes away', () => {
  it('is DatabaseAway for every call, and answers again when it is back', async () => {
    const opened = await openTestDatabase(await postgres.createDatabase());
    db = opened;
    await opened.builds.record(aRecordedBuild(1));
    await postgres.kill();
    for (let call = 0; call < 5; call += 1) await expect(opened.builds.get(1)).rejects.toThrow(DatabaseAway);
    await expect(opened.builds.record(aRecordedBuild(2))).rejects.toThrow(DatabaseAway);
    expect(opened.problem()).toContain('does not answer');
    await postgres.start();
    await eventually('the return of the database', async () => {
      try {
        return (await opened.builds.get(1))?.id === 1;
      } catch (error) {
        expect(error).toBeInstanceOf(DatabaseAway);
        return false;
      }
    });
    expect(opened.problem()).toBeUndefined();
    expect(await opened.builds.record(aRecordedBuild(2))).toBe(true);
  });

  it('is DatabaseAway for calls that are on their way', async () => {
    const opened = await openTestDatabase(await postgres.createDatabase());
    db = opened;
    const calls = Array.from({ length: 200 }, (_, index) => opened.builds.record(aRecordedBuild(index + 1)));
    const outcomes = Promise.allSettled(calls);
    await calls[0];
    await postgres.kill();
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DatabaseAway);
    }
    await postgres.start();
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);
    await eventually('the return of the database', () =>
      opened.builds.recorded(ids).then(
        () => true,
        () => false,
      ),
    );
    // Each is there as a whole or not at all.
    for (const id of await opened.builds.recorded(ids)) expect(await opened.builds.chroots(id)).toHaveLength(2);
  });

  it('may be away at the start', async () => {
    const url = await postgres.createDatabase();
    await postgres.kill();
    const opened = openDatabase({ url, clock: systemClock, log: quietLog });
    db = opened;
    await expect(opened.users.list()).rejects.toThrow('not ready');
    await postgres.start();
    await opened.whenReady(AbortSignal.timeout(10_000));
    expect(await opened.users.list()).toEqual([]);
  });

  it('is the reason of a wait that ends early', async () => {
    const url = await postgres.createDatabase();
    await postgres.kill();
    const opened = openDatabase({ url, clock: systemClock, log: quietLog });
    db = opened;
    await expect(opened.whenReady(AbortSignal.timeout(100))).rejects.toThrow('timeout');
  });
});
