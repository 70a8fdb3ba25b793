import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { ResultFile } from '../../lib/protocol/publisher.ts';
import type { Verdict } from '../../lib/protocol/task.ts';
import { verdict as verdictSchema } from '../../lib/protocol/task.ts';
import { REFUSED, UPLOADED, VERDICT } from '../paths.ts';
import { retry } from '../retry.ts';
import { failed, failure } from '../verdict.ts';
import { LogFollower } from './log-follower.ts';
import { openPlainFile } from './plain-file.ts';
import type { Publisher } from './publisher.ts';
import { DIRECTORY_IN_USE, TASK_COMPLETE } from './publisher.ts';
import type { ResultLimits } from './results.ts';
import { collectResults } from './results.ts';

export interface AgentOptions extends ResultLimits {
  resultsDir: string;
  controlDir: string;
  publisher: Publisher;
  clock: Clock;
  random: () => number;
  log: Logger;
  maxLogBytes: number;
  /** From the start of the agent to the last try of anything. */
  lifetimeMs: number;
  /** Aborted when the kubelet ends the pod (SIGTERM). */
  ending: AbortSignal;
}

export type AgentOutcome = 'uploaded' | 'refused' | 'directory-in-use' | 'ended-without-verdict' | 'gave-up';

const POLL_MS = 300;
/** Within the grace period of the pod. */
const FLUSH_MS = 20_000;

/**
 * The whole life of the sidecar:
 *   follow the log until verdict.json appears → the rest of the log → every result file → manifest → control/uploaded.
 * It keeps no state of its own: killed at any line and started again it does the same once more, and the publisher takes every repetition.
 *
 * SIGTERM before a verdict means that the build container is gone without one: out of memory, evicted, its node shut
 * down, or the build was cancelled. The agent then sends what the log has and *completes nothing*: a manifest is
 * final, but the operator, who sees why the pod ended, may still repeat the task.
 */
export async function runAgent(options: AgentOptions): Promise<AgentOutcome> {
  const deadline = AbortSignal.timeout(options.lifetimeMs);
  // Room for the engine's own last lines behind a log that was cut.
  const follower = new LogFollower(options.resultsDir, options.publisher, options.log, options.maxLogBytes + 65_536);
  try {
    const verdict = await followUntilVerdict(follower, options, deadline);
    if (verdict === undefined) {
      await flush(follower, options);
      options.log.warn('the build ended without a verdict; the task is left to the operator');
      return 'ended-without-verdict';
    }
    await drain(follower, options, deadline);
    await unlessComplete(() => publish(verdict, options, deadline));
    await mark(options.controlDir, UPLOADED);
    options.log.info({ outcome: verdict.outcome, reason: verdict.reason }, 'task uploaded');
    return 'uploaded';
  } catch (error) {
    if (error instanceof TerminalError) {
      options.log.error({ reason: error.message }, 'the publisher refuses the task');
      await mark(options.controlDir, REFUSED);
      return error.code === DIRECTORY_IN_USE ? 'directory-in-use' : 'refused';
    }
    if (!deadline.aborted) throw error;
    options.log.error('gave up: the lifetime of the task is over');
    await mark(options.controlDir, REFUSED);
    return 'gave-up';
  }
}

async function followUntilVerdict(
  follower: LogFollower,
  options: AgentOptions,
  deadline: AbortSignal,
): Promise<Verdict | undefined> {
  const stop = AbortSignal.any([deadline, options.ending]);
  for (;;) {
    // Looked for before the log is read, so that everything written before the verdict is sent before the manifest.
    const verdict = await readVerdict(options.resultsDir);
    if (verdict !== undefined) return verdict;
    if (options.ending.aborted) return undefined;
    deadline.throwIfAborted();
    try {
      await drain(follower, options, stop);
      await options.clock.sleep(POLL_MS, stop);
    } catch (error) {
      if (!options.ending.aborted) throw error;
    }
  }
}

/** Sends all there is, with as many tries as it takes until the signal. */
async function drain(follower: LogFollower, options: AgentOptions, signal: AbortSignal): Promise<void> {
  while (await patiently('the log', options, signal, () => follower.pump(signal)));
}

async function flush(follower: LogFollower, options: AgentOptions): Promise<void> {
  try {
    await drain(follower, options, AbortSignal.timeout(FLUSH_MS));
  } catch (error) {
    options.log.warn({ reason: errorMessage(error) }, 'the end of the log was not sent');
  }
}

/** The manifest is there already: an earlier agent of this pod was killed between sending it and saying so. */
async function unlessComplete(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof TerminalError) || error.code !== TASK_COMPLETE) throw error;
  }
}

async function publish(reported: Verdict, options: AgentOptions, signal: AbortSignal): Promise<void> {
  let verdict = reported;
  if (verdict.outcome === 'succeeded') {
    try {
      const files = await uploadAll(false, options, signal);
      await patiently('the manifest', options, signal, () => options.publisher.complete({ verdict, files }, signal));
      return;
    } catch (error) {
      if (!(error instanceof TerminalError) || error.code === TASK_COMPLETE) throw error;
      // The build did not produce what can be published. That is its outcome; if the publisher refuses everything
      // (the token has expired), the next lines fail too.
      verdict = failure(error);
      options.log.warn({ reason: error.message }, 'results refused');
    }
  }
  const files = await uploadAll(true, options, signal);
  await patiently('the manifest', options, signal, () => options.publisher.complete({ verdict, files }, signal));
}

async function uploadAll(logsOnly: boolean, options: AgentOptions, signal: AbortSignal): Promise<ResultFile[]> {
  const files = await collectResults(options.resultsDir, logsOnly, options);
  for (const file of files) {
    await patiently(file.name, options, signal, () => uploadOne(file, options, signal));
    options.log.info({ file: file.name, size: file.size }, 'file uploaded');
  }
  return files;
}

async function uploadOne(file: ResultFile, options: AgentOptions, signal: AbortSignal): Promise<void> {
  const opened = await openPlainFile(join(options.resultsDir, file.name));
  if (opened === undefined || opened === 'odd' || opened.size < file.size) {
    if (typeof opened === 'object') await opened.handle.close();
    throw new TerminalError('ResultsInvalid', `the result "${file.name}" changed while it was uploaded`);
  }
  // Exactly the bytes that were hashed; if they have changed meanwhile the publisher sees it by the digest.
  const { handle } = opened;
  const body = file.size === 0 ? Readable.from([]) : handle.createReadStream({ start: 0, end: file.size - 1 });
  try {
    await options.publisher.putFile(file.name, file.sha256, file.size, body, signal);
  } finally {
    // A request that failed early has not read to the end.
    body.destroy();
    await handle.close();
  }
}

function patiently<T>(what: string, options: AgentOptions, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return retry(
    {
      // Bounded by the signal: hours of build must not be lost to minutes of a publisher's restart.
      attempts: Number.POSITIVE_INFINITY,
      firstDelayMs: 500,
      maxDelayMs: 15_000,
      clock: options.clock,
      random: options.random,
      signal,
      onRetry: (error, delayMs) => options.log.warn({ what, delayMs, reason: errorMessage(error) }, 'trying again'),
    },
    work,
  );
}

async function readVerdict(resultsDir: string): Promise<Verdict | undefined> {
  const file = await openPlainFile(join(resultsDir, VERDICT));
  if (file === undefined) return undefined;
  const invalid = failed('InvalidVerdict', 'the build container left a verdict that cannot be read');
  if (file === 'odd') return invalid;
  try {
    if (file.size > 16_384) return invalid;
    const parsed = verdictSchema.safeParse(JSON.parse(await file.handle.readFile('utf8')));
    return parsed.success ? parsed.data : invalid;
  } catch {
    return invalid;
  } finally {
    await file.handle.close();
  }
}

async function mark(controlDir: string, name: string): Promise<void> {
  const temporary = join(controlDir, `.${name}.tmp`);
  const file = await open(temporary, 'w', 0o644);
  await file.close();
  await rename(temporary, join(controlDir, name));
}
