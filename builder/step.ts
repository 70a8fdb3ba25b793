import { DeadlineError, TerminalError } from '../lib/errors.ts';
import type { TaskDocument, Verdict } from '../lib/protocol/task.ts';
import type { LiveLog } from './live-log.ts';
import { openLiveLog } from './live-log.ts';
import type { Process } from './process.ts';
import { readTask } from './task-file.ts';
import { failed, failure, writeVerdict } from './verdict.ts';

export interface StepContext {
  task: TaskDocument;
  log: LiveLog;
  /** Aborted at the time limit of the task and by SIGTERM. */
  signal: AbortSignal;
}

/**
 * Runs one step of a task. When the step cannot succeed however often it is tried, and when its time is up, that is the outcome of the task: it is
 * written as the verdict. Anything else that goes wrong is thrown, and the operator tries the task on another builder.
 * Resolves with the verdict if there is one now.
 */
export async function runStep(
  context: Process,
  work: (step: StepContext) => Promise<Verdict | undefined>,
): Promise<Verdict | undefined> {
  const { config } = context;
  const log = openLiveLog(config.resultsDir, config.maxLogBytes);
  try {
    const verdict = await judge(context, log, work);
    if (verdict === undefined) return undefined;
    log.say(`${verdict.outcome}: ${verdict.message}`);
    context.log.info({ outcome: verdict.outcome, reason: verdict.reason }, 'verdict');
    await writeVerdict(config.resultsDir, verdict);
    return verdict;
  } finally {
    log.close();
  }
}

async function judge(
  context: Process,
  log: LiveLog,
  work: (step: StepContext) => Promise<Verdict | undefined>,
): Promise<Verdict | undefined> {
  let deadline: AbortSignal | undefined;
  let seconds = 0;
  try {
    const task = await readTask(context.config.taskFile);
    seconds = task.timeoutSeconds;
    deadline = AbortSignal.timeout(seconds * 1000);
    return await work({ task, log, signal: AbortSignal.any([deadline, context.ending]) });
  } catch (error) {
    if (context.ending.aborted) throw error;
    if (error instanceof TerminalError) return failure(error);
    if (deadline?.aborted) return failed('TimedOut', `the task was stopped after its limit of ${seconds} s`, 124);
    if (error instanceof DeadlineError) return failed('TimedOut', error.message, 124);
    throw error;
  }
}
