import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { Verdict } from '../../lib/protocol/task.ts';
import { temporaryDirectory } from '../testing/context.ts';
import type { Fault, StubOptions } from '../testing/publisher-stub.ts';
import { PublisherStub } from '../testing/publisher-stub.ts';
import { TASK_ID } from '../testing/tasks.ts';
import { failed, succeeded, writeVerdict } from '../verdict.ts';
import type { AgentOptions, AgentOutcome } from './agent.ts';
import { runAgent } from './agent.ts';
import { Publisher } from './publisher.ts';

const TOKEN = 'secret-token-of-the-task';

let root: Awaited<ReturnType<typeof temporaryDirectory>>;
let stub: PublisherStub;
let ending: AbortController;
let written: string[];

const results = (...names: string[]): string => join(root.path, 'results', ...names);
const put = (name: string, text: string | Buffer): Promise<void> => writeFile(results(name), text);
const say = (text: string): Promise<void> => appendFile(results('builder-live.log'), text);
const control = (): Promise<string[]> => readdir(join(root.path, 'control'));
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

beforeEach(async () => {
  root = await temporaryDirectory();
  await mkdir(results());
  await mkdir(join(root.path, 'control'));
  ending = new AbortController();
  written = [];
});
afterEach(async () => {
  await stub.stop();
  // The token is in no log line, whatever happened.
  expect(written.join('')).not.toContain(TOKEN);
  await root.remove();
});

async function start(
  stubOptions: Partial<StubOptions> = {},
  overrides: Partial<AgentOptions> = {},
): Promise<AgentOutcome> {
  stub = new PublisherStub({ token: TOKEN, ...stubOptions });
  return agent(await stub.start(), overrides);
}

async function agent(baseURL: string, overrides: Partial<AgentOptions> = {}, token = TOKEN): Promise<AgentOutcome> {
  const dispatcher = new Agent();
  try {
    return await runAgent({
      resultsDir: results(),
      controlDir: join(root.path, 'control'),
      publisher: new Publisher({ baseURL, task: TASK_ID, token, dispatcher }),
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 10), signal) },
      random: () => 0,
      log: pino({ level: 'debug' }, { write: (line: string) => void written.push(line) }),
      maxFileBytes: 10_000_000,
      maxTaskBytes: 20_000_000,
      maxLogBytes: 1_000_000,
      lifetimeMs: 15_000,
      ending: ending.signal,
      ...overrides,
    });
  } finally {
    await dispatcher.destroy();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('it did not happen within 5 s');
    await systemClock.sleep(10);
  }
}

/** Results of a small build, with its verdict. */
async function build(verdict: Verdict = succeeded('the packages were built')): Promise<void> {
  await say('kopr: phase rpmbuild\n');
  await put('hello-2.12-1.x86_64.rpm', 'binary');
  await put('hello-2.12-1.src.rpm', 'source');
  await put('hello.spec', 'Name: hello');
  await put('build.log', '');
  await writeVerdict(results(), verdict);
}

describe('the agent', () => {
  it('sends the log while it grows, then the results, then the manifest, and says so', async () => {
    const running = start();
    await say('one\n');
    await until(() => stub?.log() === 'one\n');
    await say('two\n');
    await until(() => stub.log() === 'one\ntwo\n');
    expect(await control()).toEqual([]);
    await build();
    expect(await running).toBe('uploaded');
    expect(await control()).toEqual(['uploaded']);
    expect(stub.log()).toBe('one\ntwo\nkopr: phase rpmbuild\n');
    expect(stub.manifest).toEqual({
      verdict: succeeded('the packages were built'),
      files: [
        { name: 'build.log', size: 0, sha256: sha256('') },
        { name: 'hello-2.12-1.src.rpm', size: 6, sha256: sha256('source') },
        { name: 'hello-2.12-1.x86_64.rpm', size: 6, sha256: sha256('binary') },
        { name: 'hello.spec', size: 11, sha256: sha256('Name: hello') },
      ],
    });
    expect(stub.files.get('hello-2.12-1.x86_64.rpm')?.toString()).toBe('binary');
  });

  it('sends only the logs of a failed build', async () => {
    await build(failed('BuildFailed', 'rpmbuild failed in %build', 1));
    expect(await start()).toBe('uploaded');
    expect([...stub.files.keys()]).toEqual(['build.log']);
    expect(stub.manifest?.verdict).toMatchObject({ outcome: 'failed', reason: 'BuildFailed' });
  });

  it('started again after it had finished, changes nothing', async () => {
    await build();
    stub = new PublisherStub({ token: TOKEN });
    const url = await stub.start();
    await agent(url);
    const before = JSON.stringify(stub.manifest);
    await say('written after the end\n');
    expect(await agent(url)).toBe('uploaded');
    expect(JSON.stringify(stub.manifest)).toBe(before);
    expect(stub.log()).toBe('kopr: phase rpmbuild\n');
    expect(await control()).toEqual(['uploaded']);
  });

  it('continues a log that an earlier agent has begun, by the size that the publisher has', async () => {
    stub = new PublisherStub({ token: TOKEN });
    const url = await stub.start();
    await say('first half, second half\n');
    stub.logs.set('builder-live.log', Buffer.from('first half,'));
    await writeVerdict(results(), failed('X', ''));
    await agent(url);
    expect(stub.log()).toBe('first half, second half\n');
  });

  it('goes back when the publisher has lost the end of the log', async () => {
    const running = start();
    await say('one\n');
    await until(() => stub?.log() === 'one\n');
    stub.logs.set('builder-live.log', Buffer.from('on'));
    await say('two\n');
    await until(() => stub.log() === 'one\ntwo\n');
    await build();
    expect(await running).toBe('uploaded');
  });

  it('survives a publisher that is away for a while', async () => {
    const running = start();
    await say('before\n');
    await until(() => stub?.log() === 'before\n');
    await stub.stop();
    await say('while it is away\n');
    await build();
    await systemClock.sleep(100);
    await stub.start();
    expect(await running).toBe('uploaded');
    expect(stub.log()).toBe('before\nwhile it is away\nkopr: phase rpmbuild\n');
  });

  it('delivers everything exactly once through any sequence of faults', async () => {
    const fault = fc.constantFrom<Fault | undefined>(undefined, undefined, 'reset', 'error', 'lost-reply', 'half-body');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 30 }),
        fc.array(fc.string({ minLength: 1, maxLength: 2000 }), { maxLength: 6 }),
        async (faults, texts) => {
          await root.remove();
          root = await temporaryDirectory();
          await mkdir(results());
          await mkdir(join(root.path, 'control'));
          const running = start({ fault: (_request, count) => faults[count - 1] });
          let all = '';
          for (const text of texts) {
            await say(text);
            all += text;
            await systemClock.sleep(2);
          }
          const payload = 'x'.repeat(300_000);
          await put('big.rpm', payload);
          await build();
          expect(await running).toBe('uploaded');
          expect(stub.log()).toBe(`${all}kopr: phase rpmbuild\n`);
          expect(stub.files.get('big.rpm')?.toString()).toBe(payload);
          expect(stub.manifest?.files.map((file) => file.name)).toEqual([...stub.files.keys()].sort());
          await stub.stop();
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);
});

describe('the end of the pod', () => {
  it('without a verdict flushes the log and completes nothing: the operator decides', async () => {
    const running = start();
    await say('compiling\n');
    await until(() => stub?.log() === 'compiling\n');
    await say('Killed\n');
    ending.abort();
    expect(await running).toBe('ended-without-verdict');
    expect(stub.log()).toBe('compiling\nKilled\n');
    expect(stub.manifest).toBeUndefined();
    expect(await control()).toEqual([]);
  });

  it('with a verdict still uploads it', async () => {
    await build();
    ending.abort();
    expect(await start()).toBe('uploaded');
  });

  it('is not delayed by a publisher that is away', async () => {
    stub = new PublisherStub({ token: TOKEN });
    const url = await stub.start();
    await stub.stop();
    await say('x\n');
    const running = agent(url, { lifetimeMs: 500 });
    await systemClock.sleep(50);
    ending.abort();
    // The flush has a bound of its own; here it ends when the publisher is back.
    await stub.start();
    expect(await running).toBe('ended-without-verdict');
    expect(stub.log()).toBe('x\n');
  });
});

describe('a publisher that refuses', () => {
  it('the token ends the wait of the build container', async () => {
    await build();
    stub = new PublisherStub({ token: 'another' });
    expect(await agent(await stub.start())).toBe('refused');
    expect(await control()).toEqual(['refused']);
  });

  it('the directory, which another build has, ends the wait as well, at the first answer', async () => {
    await build();
    expect(await start({ occupied: true })).toBe('refused');
    expect(await control()).toEqual(['refused']);
    expect(stub.requests.filter((request) => request.includes('/log/'))).toHaveLength(1);
  });

  it('one package fails the build, with its words, and keeps the logs', async () => {
    await build();
    expect(await start({ refuse: (name) => name.endsWith('.x86_64.rpm') })).toBe('uploaded');
    expect(stub.manifest?.verdict).toMatchObject({
      outcome: 'failed',
      reason: 'PublisherRefused',
      message: expect.stringContaining('hello-2.12-1.x86_64.rpm is too large'),
    });
    expect(stub.manifest?.files.map((file) => file.name)).toEqual(['build.log']);
  });

  it('the log does not fail the build', async () => {
    await build();
    expect(await start({ refuse: (name) => name === 'builder-live.log' })).toBe('uploaded');
    expect(stub.manifest?.verdict.outcome).toBe('succeeded');
  });

  it('to answer is given up when the lifetime of the task is over', async () => {
    await build();
    expect(await start({ fault: () => 'error' }, { lifetimeMs: 300 })).toBe('gave-up');
    expect(await control()).toEqual(['refused']);
  });
});

describe('a stranger in the results directory', () => {
  it.each([
    ['a link', () => symlink('/etc/passwd', results('evil.rpm'))],
    ['a FIFO', async () => void execFileSync('mkfifo', [results('evil.rpm')])],
    ['a directory', () => mkdir(results('evil.rpm'))],
    ['a name with spaces', () => put('evil x.rpm', '')],
    ['a hidden package', () => put('-evil.rpm', '')],
  ])('who leaves %s as package fails his own build', async (_what, make) => {
    await make();
    await build();
    expect(await start()).toBe('uploaded');
    expect(stub.manifest?.verdict).toMatchObject({
      outcome: 'failed',
      reason: 'ResultsInvalid',
      message: expect.stringContaining('evil'),
    });
    expect(stub.requests.filter((request) => request.includes('evil'))).toEqual([]);
  });

  it.each([
    ['a link', (name: string) => symlink('/etc/passwd', results(name))],
    ['a FIFO', async (name: string) => void execFileSync('mkfifo', [results(name)])],
    ['a directory', (name: string) => mkdir(results(name))],
  ])('who leaves %s as live log or log sends nothing with it', async (_what, make) => {
    await make('builder-live.log');
    await make('root.log');
    await writeVerdict(results(), failed('X', 'x'));
    expect(await start()).toBe('uploaded');
    expect(stub.log()).toBe('');
    expect(stub.manifest?.files).toEqual([]);
  });

  it.each([
    ['nonsense', () => put('verdict.json', 'nonsense')],
    ['a link', () => symlink('/dev/zero', results('verdict.json'))],
    ['far too much', () => put('verdict.json', Buffer.alloc(1_000_000))],
    ['another shape', () => put('verdict.json', '{"outcome":"succeeded"}')],
    ['a FIFO', async () => void execFileSync('mkfifo', [results('verdict.json')])],
  ])('whose verdict is %s has failed', async (_what, make) => {
    await make();
    expect(await start()).toBe('uploaded');
    expect(stub.manifest?.verdict).toMatchObject({ outcome: 'failed', reason: 'InvalidVerdict' });
  });

  it('whose package changes between hashing and upload fails', async () => {
    await build();
    let changed = false;
    const outcome = await start({
      fault: (request) => {
        if (request.includes('/hello-2.12-1.src.rpm') && !changed) {
          changed = true;
          execFileSync('truncate', ['-s', '3', results('hello-2.12-1.x86_64.rpm')]);
        }
        return undefined;
      },
    });
    expect(outcome).toBe('uploaded');
    expect(stub.manifest?.verdict).toMatchObject({
      reason: 'ResultsInvalid',
      message: expect.stringContaining('changed'),
    });
  });

  it('whose package is too large fails, without a byte of it being sent', async () => {
    await build();
    await put('huge.rpm', '');
    await truncate(results('huge.rpm'), 2 ** 40);
    expect(await start()).toBe('uploaded');
    expect(stub.manifest?.verdict).toMatchObject({ reason: 'ResultsTooLarge' });
    expect(stub.files.has('huge.rpm')).toBe(false);
  });

  it('whose files are too large together fails', async () => {
    await build();
    expect(await start({}, { maxTaskBytes: 12 })).toBe('uploaded');
    expect(stub.manifest?.verdict).toMatchObject({ reason: 'ResultsTooLarge' });
  });

  it('who leaves too many packages fails', async () => {
    await Promise.all(Array.from({ length: 2001 }, (_, index) => put(`p${index}.rpm`, '')));
    await build();
    expect(await start()).toBe('uploaded');
    expect(stub.manifest?.verdict).toMatchObject({
      reason: 'ResultsInvalid',
      message: expect.stringContaining('2000'),
    });
  });

  it('whose log never ends is cut', async () => {
    await say('x'.repeat(3_000_000));
    await writeVerdict(results(), failed('X', 'x'));
    expect(await start()).toBe('uploaded');
    expect(stub.log().length).toBe(1_000_000 + 65_536);
  });
});
