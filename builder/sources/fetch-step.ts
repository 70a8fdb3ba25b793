import type { Verdict } from '../../lib/protocol/task.ts';
import type { Process } from '../process.ts';
import type { StepContext } from '../step.ts';
import { runStep } from '../step.ts';
import type { FetchContext } from './download.ts';
import { createDispatcher } from './download.ts';

/** Everything of a FetchContext but whose server is asked with which token, which depends on what is fetched. */
export type StepFetchContext = Omit<FetchContext, 'server' | 'token'>;

/** `runStep` for a step that fetches; its connections are closed when it has ended. */
export async function runFetchStep(
  context: Process,
  work: (step: StepContext, fetchContext: StepFetchContext) => Promise<Verdict | undefined>,
): Promise<void> {
  const { config, clock, random } = context;
  const dispatcher = createDispatcher();
  try {
    await runStep(context, (step) => {
      const { log, signal } = step;
      return work(step, { clock, random, log, dispatcher, signal, maxSourceBytes: config.maxSourceBytes });
    });
  } finally {
    await dispatcher.destroy();
  }
}
