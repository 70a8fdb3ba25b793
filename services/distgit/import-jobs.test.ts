import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { KeyedLock } from '../../lib/locks.ts';
import type { ImportRequest } from '../../lib/protocol/distgit.ts';
import { houseClean, prepareLayout } from './housekeeping.ts';
import { ImportJobs } from './import-jobs.ts';
import { type Layout, layoutOf, recordPath, taskLogPath } from './layout.ts';
import { createMetrics } from './metrics.ts';
import { removeDir, scratchDir, taskId } from './testing/harness.ts';

const never = new AbortController().signal;
const log = pino({ level: 'silent' });
const metrics = createMetrics(new Registry());

let dir: string;
let layout: Layout;
/** Sends a little of an SRPM and then nothing more. */
let silent: Server;
let held: ServerResponse[];

beforeEach(async () => {
  dir = await scratchDir();
  layout = layoutOf(join(dir, 'data'));
  await prepareLayout(layout);
  held = [];
  silent = createServer((_request, response) => {
    response.write('a little');
    held.push(response);
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
  await removeDir(dir);
});

function jobsWith(deadlineMs: number, concurrency = 2, jobs = 3): ImportJobs {
  const base = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  const fetchRules = { origins: [base], maxBytes: 1000 };
  const unpackLimits = { files: 10, bytes: 1000 };
  const context = { layout, clock: systemClock, log, metrics, fetchRules, unpackLimits, packageLocks: new KeyedLock() };
  return new ImportJobs(context, { concurrency, jobs, deadlineMs });
}

function request(project = 'p', build = 1): ImportRequest {
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/a.src.rpm`;
  return { owner: 'demo', project, build, srpm: { url, sha256: '0'.repeat(64), size: 100 }, branches: ['b'] };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (await condition()) return;
    await systemClock.sleep(5);
  }
  throw new Error('the condition did not come true');
}

describe('an import that takes too long', () => {
  it('ends at its deadline, says so, leaves nothing, and may be repeated', async () => {
    const jobs = jobsWith(200);
    const outcome = await jobs.submit(taskId(1), request(), 5000, never);
    expect(outcome).toEqual({
      kind: 'failed',
      status: 504,
      code: 'DeadlineExceeded',
      message: 'the import did not finish within 0 s',
    });
    expect(await readdir(layout.tmp)).toEqual([]);
    expect(await readFile(taskLogPath(layout, 1), 'utf8')).toMatch(
      /import failed, may be repeated: DeadlineExceeded: /,
    );
    const again = jobs.submit(taskId(1), request(), 5000, never);
    await until(() => held.length === 2);
    expect(await again).toMatchObject({ code: 'DeadlineExceeded' });
  });

  it('is told to one that asks after it has failed, once', async () => {
    const jobs = jobsWith(100);
    expect(await jobs.submit(taskId(1), request(), 0, never)).toMatchObject({ kind: 'working' });
    const told = (): Promise<string> => readFile(taskLogPath(layout, 1), 'utf8').catch(() => '');
    await until(async () => (await told()).includes('import failed'));
    expect(await jobs.submit(taskId(1), request(), 5000, never)).toMatchObject({
      kind: 'failed',
      code: 'DeadlineExceeded',
    });
    expect(await jobs.submit(taskId(1), request(), 0, never)).toMatchObject({ kind: 'working' });
    await jobs.stop(0);
  });

  it('goes on when the one who waits for it goes away', async () => {
    const jobs = jobsWith(10_000);
    const caller = new AbortController();
    const waiting = jobs.submit(taskId(1), request(), 5000, caller.signal);
    await until(() => held.length === 1);
    caller.abort();
    expect(await waiting).toMatchObject({ kind: 'working', note: expect.stringMatching(/^downloading /) });
    expect(held[0]?.destroyed).toBe(false);
    await jobs.stop(0);
    expect(await readdir(layout.tmp)).toEqual([]);
  });
});

describe('imports under way', () => {
  it('are ended when their project is deleted, others are not', async () => {
    const jobs = jobsWith(10_000);
    const doomed = jobs.submit(taskId(1), request('doomed'), 5000, never);
    const other = jobs.submit(taskId(2), request('other'), 0, never);
    await until(() => held.length === 2);
    let removed = false;
    await jobs.deleteProject('demo', 'doomed', async () => {
      removed = true;
    });
    expect(removed).toBe(true);
    expect(await doomed).toMatchObject({ kind: 'refused', code: 'ProjectDeleted' });
    expect(await other).toMatchObject({ kind: 'working' });
    expect((await readdir(layout.tmp)).length).toBe(1);
    await jobs.stop(0);
    expect(await jobs.submit(taskId(3), request(), 0, never)).toMatchObject({ kind: 'failed', code: 'ShuttingDown' });
  });

  it('of a deleted project stay refused after a restart, and only new ones may begin', async () => {
    const jobs = jobsWith(10_000);
    const doomed = jobs.submit(taskId(1), request(), 5000, never);
    await until(() => held.length === 1);
    await jobs.deleteProject('demo', 'p', async () => undefined);
    await doomed;
    const restarted = jobsWith(10_000);
    expect(await restarted.submit(taskId(1), request(), 0, never)).toMatchObject({ code: 'ProjectDeleted' });
    expect(held.length).toBe(1);
    expect(await restarted.submit(taskId(2), request(), 0, never)).toMatchObject({ kind: 'working' });
    await restarted.stop(0);
  });

  it('that are queued end without a slot when their project is deleted', async () => {
    const jobs = jobsWith(10_000, 1);
    await jobs.submit(taskId(1), request('busy'), 0, never);
    const queued = jobs.submit(taskId(2), request('doomed'), 5000, never);
    await systemClock.sleep(20);
    await jobs.deleteProject('demo', 'doomed', async () => undefined);
    expect(await queued).toMatchObject({ kind: 'refused', code: 'ProjectDeleted' });
    expect(held.length).toBe(1);
    await jobs.stop(0);
  });

  it('cannot begin while their project is deleted, nor slip in with the deletion', async () => {
    const jobs = jobsWith(10_000);
    const slipping = jobs.submit(taskId(1), request(), 5000, never);
    let finish = (): void => undefined;
    const deletion = jobs.deleteProject('demo', 'p', () => new Promise((resolve) => (finish = resolve)));
    const gone = { kind: 'failed', status: 410, code: 'ProjectDeleted' };
    expect(await slipping).toMatchObject(gone);
    expect(await jobs.submit(taskId(2), request(), 5000, never)).toMatchObject(gone);
    expect(await jobs.submit(taskId(3), request('other'), 0, never)).toMatchObject({ kind: 'working' });
    finish();
    await deletion;
    expect(await jobs.submit(taskId(4), request(), 0, never)).toMatchObject({ kind: 'working' });
    await jobs.stop(0);
  });

  it('wait for a slot, and too many are turned away', async () => {
    const jobs = jobsWith(10_000, 1, 2);
    await jobs.submit(taskId(1), request(), 0, never);
    expect(await jobs.submit(taskId(2), request(), 0, never)).toEqual({
      kind: 'working',
      note: 'waiting for a free import slot',
    });
    expect(await jobs.submit(taskId(3), request(), 0, never)).toMatchObject({
      kind: 'failed',
      status: 503,
      code: 'Busy',
    });
    await jobs.stop(0);
  });
});

describe('housekeeping', () => {
  it('empties at the start what a killed process has left', async () => {
    for (const place of [layout.tmp, layout.trash]) {
      await mkdir(join(place, 'left'), { recursive: true });
      await writeFile(join(place, 'left', 'over'), 'x');
    }
    await prepareLayout(layout);
    expect([await readdir(layout.tmp), await readdir(layout.trash)]).toEqual([[], []]);
  });

  it('removes logs and records after their time', async () => {
    const paths = [
      taskLogPath(layout, 1),
      taskLogPath(layout, 2),
      recordPath(layout, taskId(1)),
      recordPath(layout, taskId(2)),
    ];
    await mkdir(join(layout.imports, '00'));
    for (const path of paths) await writeFile(path, 'x');
    for (const path of [paths[0], paths[2]]) await utimes(path as string, 1, 1);
    await houseClean({ layout, clock: systemClock, log, metrics, logRetentionMs: 86_400_000 }, 0);
    const left = await Promise.all(
      paths.map((path) =>
        stat(path).then(
          () => true,
          () => false,
        ),
      ),
    );
    expect(left).toEqual([false, true, false, true]);
  });
});
