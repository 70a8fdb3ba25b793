import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent } from 'undici';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import { AGENT_DIRECTORY_IN_USE } from '../../lib/protocol/task.ts';
import { UPLOADED } from '../paths.ts';
import type { Process } from '../process.ts';
import { untilEnding } from '../process.ts';
import { readTask } from '../task-file.ts';
import { runAgent } from './agent.ts';
import { Publisher } from './publisher.ts';

/** Start of the pod, fetching and everything else that is not the build's own time. */
const SLACK_SECONDS = 1800;

/**
 * The sidecar. It ends when the kubelet says so: one that ended by itself would be started again. Only a results directory
 * that another build has ends it at once, with a code that tells the operator; it then ends the pod, whatever it builds.
 */
export async function agentCommand(context: Process): Promise<number> {
  try {
    if (!(await isUploaded(context.config.controlDir))) {
      const outcome = await work(context);
      if (outcome === 'ended-without-verdict') return 0;
      if (outcome === 'directory-in-use') return AGENT_DIRECTORY_IN_USE;
    }
    await untilEnding(context);
    return 0;
  } catch (error) {
    context.log.error({ reason: errorMessage(error) }, 'the agent failed');
    return 1;
  }
}

async function work(context: Process): Promise<string> {
  const { config } = context;
  const task = await readTask(config.taskFile);
  const token = (await readFile(config.tokenFile, 'utf8')).trim();
  if (token === '')
    throw new TerminalError('NoToken', `the file ${config.tokenFile} is empty; it must hold the task's token`);
  const dispatcher = new Agent({ connect: { timeout: 10_000 }, keepAliveTimeout: 10_000 });
  try {
    return await runAgent({
      resultsDir: config.resultsDir,
      controlDir: config.controlDir,
      publisher: new Publisher({ baseURL: task.publisherURL, task: task.task, token, dispatcher }),
      clock: context.clock,
      random: context.random,
      log: context.log.child({ task: task.task }),
      maxFileBytes: config.maxFileBytes,
      maxTaskBytes: config.maxTaskBytes,
      maxLogBytes: config.maxLogBytes,
      lifetimeMs: (task.timeoutSeconds + config.uploadSeconds + SLACK_SECONDS) * 1000,
      ending: context.ending,
    });
  } finally {
    await dispatcher.destroy();
  }
}

async function isUploaded(controlDir: string): Promise<boolean> {
  try {
    await access(join(controlDir, UPLOADED));
    return true;
  } catch {
    return false;
  }
}
