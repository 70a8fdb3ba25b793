import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { DeadlineError, TerminalError } from '../lib/errors.ts';
import { verdict as verdictSchema } from '../lib/protocol/task.ts';
import { loadConfig } from './config.ts';
import { run } from './exec.ts';
import { openLiveLog } from './live-log.ts';
import { retry, retryDelay } from './retry.ts';
import { impatientClock, temporaryDirectory } from './testing/context.ts';
import { existingVerdict, failure, succeeded, waitForUpload, writeVerdict } from './verdict.ts';

let root: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  root = await temporaryDirectory();
});
afterEach(() => root.remove());

const env = { PATH: '/usr/bin:/bin' };

describe('run', () => {
  it('gives code, output and lines of both streams', async () => {
    const lines: string[] = [];
    const script = 'echo out; echo err >&2; printf "a\\rb"; exit 3';
    const result = await run('sh', ['-c', script], {
      what: 'x',
      env,
      timeoutMs: 5000,
      onLine: (line) => lines.push(line),
    });
    expect(result).toMatchObject({ code: 3, stdout: 'out\na\rb' });
    expect(result.output).toContain('err\n');
    expect(lines.sort()).toEqual(['a', 'b', 'err', 'out']);
  });

  it('gives 128 + n for a program that a signal ended', async () => {
    expect((await run('sh', ['-c', 'kill -9 $$'], { what: 'x', env, timeoutMs: 5000 })).code).toBe(137);
  });

  it('rejects for a program that is not there', async () => {
    await expect(run('no-such-program', [], { what: 'x', env, timeoutMs: 5000 })).rejects.toThrow('ENOENT');
  });

  it('ends the program and its children when the time is up', async () => {
    const script = `sh -c 'sleep 1; echo late >late' & wait`;
    const attempt = run('sh', ['-c', script], { what: 'the nap', env, cwd: root.path, timeoutMs: 100 });
    await expect(attempt).rejects.toBeInstanceOf(DeadlineError);
    await expect(attempt).rejects.toThrow('the nap did not finish');
    await systemClock.sleep(1200);
    expect(await readdir(root.path)).toEqual([]);
  });

  it('ends with the reason of its signal', async () => {
    const signal = AbortSignal.timeout(50);
    await expect(run('sleep', ['5'], { what: 'x', env, timeoutMs: 5000, signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('bounds what it keeps of a flood, and passes a line without end on in pieces', async () => {
    let pieces = 0;
    const args = ['-c', '40000000', '/dev/zero'];
    const result = await run('head', args, { what: 'x', env, timeoutMs: 20_000, onLine: () => pieces++ });
    expect(result.stdout.length).toBe(16 * 1024 ** 2);
    expect(result.output.length).toBe(256 * 1024);
    expect(pieces).toBeGreaterThan(100);
  });
});

describe('the live log', () => {
  it('is appended to and cut at its limit with one line', async () => {
    await writeFile(join(root.path, 'builder-live.log'), 'earlier\n');
    const log = openLiveLog(root.path, 40);
    log.say('a sentence\nof two lines');
    log.line('x'.repeat(30));
    log.line('y');
    log.close();
    expect(await readFile(join(root.path, 'builder-live.log'), 'utf8')).toBe(
      'earlier\nkopr: a sentence of two lines\nkopr: the log is longer than 40 bytes; the rest is not kept\n',
    );
  });

  it('does not follow a link', async () => {
    await symlink('/etc/motd', join(root.path, 'builder-live.log'));
    expect(() => openLiveLog(root.path, 100)).toThrow('ELOOP');
  });
});

describe('a verdict', () => {
  it('is written whole, and read back', async () => {
    await writeVerdict(root.path, succeeded('done'));
    expect(await readdir(root.path)).toEqual(['verdict.json']);
    expect(await existingVerdict(root.path)).toEqual(succeeded('done'));
  });

  it('is always valid, whatever the error said', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'binary', maxLength: 3000 }), (code, message) => {
        const verdict = failure(new TerminalError(code, message));
        expect(verdictSchema.parse(verdict)).toEqual(verdict);
      }),
    );
  });

  it('has one line', () => {
    expect(succeeded(' a\n\tb\u0000c ').message).toBe('a b c');
  });

  it('is waited for until it is uploaded, refused or late', async () => {
    const wait = (ms: number) => waitForUpload(root.path, impatientClock(), ms, AbortSignal.timeout(5000));
    expect(await wait(20)).toBe('timeout');
    await mkdir(join(root.path, 'refused'));
    expect(await wait(2000)).toBe('refused');
    await mkdir(join(root.path, 'uploaded'));
    expect(await wait(2000)).toBe('uploaded');
  });
});

describe('a retry', () => {
  const options = (clock = impatientClock()) => ({
    attempts: 4,
    firstDelayMs: 100,
    maxDelayMs: 300,
    clock,
    random: () => 0,
    signal: AbortSignal.timeout(5000),
  });

  it('waits longer each time up to its bound, and then throws what the last try threw', async () => {
    const clock = impatientClock();
    let tries = 0;
    const attempt = retry(options(clock), async () => {
      throw new Error(`try ${++tries}`);
    });
    await expect(attempt).rejects.toThrow('try 4');
    expect(clock.slept).toEqual([100, 200, 300]);
  });

  it('does not try again what cannot succeed', async () => {
    let tries = 0;
    const attempt = retry(options(), async () => {
      tries++;
      throw new TerminalError('X', 'no');
    });
    await expect(attempt).rejects.toThrow('no');
    expect(tries).toBe(1);
  });

  it('has a delay within its bounds for every attempt', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, random) => {
          const delay = retryDelay(attempt, { firstDelayMs: 500, maxDelayMs: 15_000, random: () => random });
          expect(delay).toBeGreaterThanOrEqual(500);
          expect(delay).toBeLessThanOrEqual(15_000 * 1.25);
        },
      ),
    );
  });
});

describe('the configuration', () => {
  it('has the paths of the pod when nothing is set', () => {
    expect(loadConfig({})).toMatchObject({
      taskFile: '/kopr/task/task.json',
      resultsDir: '/kopr/results',
      uploadSeconds: 1800,
      sourceTokenFile: '/kopr/source-token/token',
    });
  });

  it('lets the publisher have as much as the publisher takes when nothing is set', () => {
    expect(loadConfig({})).toMatchObject({ maxFileBytes: 8 * 1024 ** 3, maxTaskBytes: 16 * 1024 ** 3 });
  });

  it('names every variable that is wrong, and what it is for', () => {
    expect(() => loadConfig({ KOPR_MAX_LOG_BYTES: 'many', KOPR_UPLOAD_SECONDS: '0' })).toThrow(
      /^ {2}KOPR_MAX_LOG_BYTES: .* \(bytes after which a log is cut\)\n {2}KOPR_UPLOAD_SECONDS: .* \(seconds that the upload /m,
    );
  });
});
