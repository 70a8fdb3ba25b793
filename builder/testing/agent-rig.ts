import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { Agent } from 'undici';
import { afterEach, beforeEach, expect } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { Verdict } from '../../lib/protocol/task.ts';
import type { AgentOptions, AgentOutcome } from '../agent/agent.ts';
import { runAgent } from '../agent/agent.ts';
import { Publisher } from '../agent/publisher.ts';
import { succeeded, writeVerdict } from '../verdict.ts';
import { temporaryDirectory } from './context.ts';
import type { StubOptions } from './publisher-stub.ts';
import { PublisherStub } from './publisher-stub.ts';
import { TASK_ID } from './tasks.ts';

const TOKEN = 'secret-token-of-the-task';

/** The directories of one task, an agent that looks after them, and a stub of the publisher that it sends to. */
export class AgentRig {
  /** The latest one: `publisher` and `start` make another. */
  stub = new PublisherStub({ token: TOKEN });
  /** The end of the pod. */
  readonly ending = new AbortController();
  private root: Awaited<ReturnType<typeof temporaryDirectory>>;
  private readonly written: string[] = [];

  constructor(root: Awaited<ReturnType<typeof temporaryDirectory>>) {
    this.root = root;
  }

  readonly results = (...names: string[]): string => join(this.root.path, 'results', ...names);
  readonly put = (name: string, text: string | Buffer): Promise<void> => writeFile(this.results(name), text);
  readonly say = (text: string): Promise<void> => appendFile(this.results('builder-live.log'), text);
  /** What the agent tells the build container. */
  readonly control = (): Promise<string[]> => readdir(join(this.root.path, 'control'));

  async makeDirectories(): Promise<void> {
    await mkdir(this.results());
    await mkdir(join(this.root.path, 'control'));
  }

  /** Empty directories for another task. */
  readonly startOver = async (): Promise<void> => {
    await this.root.remove();
    this.root = await temporaryDirectory();
    await this.makeDirectories();
  };

  /** Starts a stub and resolves with its address. */
  readonly publisher = (options: Partial<StubOptions> = {}): Promise<string> => {
    this.stub = new PublisherStub({ token: TOKEN, ...options });
    return this.stub.start();
  };

  /** Runs an agent, with a publisher of its own, until it ends. */
  readonly start = async (
    stubOptions: Partial<StubOptions> = {},
    overrides: Partial<AgentOptions> = {},
  ): Promise<AgentOutcome> => this.agent(await this.publisher(stubOptions), overrides);

  /** Runs an agent until it ends. */
  readonly agent = async (baseURL: string, overrides: Partial<AgentOptions> = {}): Promise<AgentOutcome> => {
    const dispatcher = new Agent();
    try {
      return await runAgent({
        resultsDir: this.results(),
        controlDir: join(this.root.path, 'control'),
        publisher: new Publisher({ baseURL, task: TASK_ID, token: TOKEN, dispatcher }),
        clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 10), signal) },
        random: () => 0,
        log: pino({ level: 'debug' }, { write: (line: string) => void this.written.push(line) }),
        maxFileBytes: 10_000_000,
        maxTaskBytes: 20_000_000,
        maxLogBytes: 1_000_000,
        lifetimeMs: 15_000,
        ending: this.ending.signal,
        ...overrides,
      });
    } finally {
      await dispatcher.destroy();
    }
  };

  /** Results of a small build, with its verdict. */
  readonly build = async (verdict: Verdict = succeeded('the packages were built')): Promise<void> => {
    await this.say('kopr: phase rpmbuild\n');
    await this.put('hello-2.12-1.x86_64.rpm', 'binary');
    await this.put('hello-2.12-1.src.rpm', 'source');
    await this.put('hello.spec', 'Name: hello');
    await this.put('build.log', '');
    await writeVerdict(this.results(), verdict);
  };

  async end(): Promise<void> {
    await this.stub.stop();
    // The token is in no log line, whatever happened.
    expect(this.written.join('')).not.toContain(TOKEN);
    await this.root.remove();
  }
}

/** A fresh rig for each test of the file; `take` gets it before the test runs. */
export function useAgentRig(take: (rig: AgentRig) => void): void {
  let rig: AgentRig;
  beforeEach(async () => {
    rig = new AgentRig(await temporaryDirectory());
    await rig.makeDirectories();
    take(rig);
  });
  afterEach(() => rig.end());
}

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('it did not happen within 5 s');
    await systemClock.sleep(10);
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
