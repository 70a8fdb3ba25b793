import { errorMessage } from '../../lib/errors.ts';
import { workLayout } from '../paths.ts';
import type { Process } from '../process.ts';
import { runFetchStep } from '../sources/fetch-step.ts';
import { existingVerdict } from '../verdict.ts';
import { fetchInputs } from './fetch.ts';

/** The init container: 0 when the inputs are there or the task has failed for good, 1 when it should be tried again. */
export async function fetchCommand(context: Process): Promise<number> {
  const { config } = context;
  if (await existingVerdict(config.resultsDir)) return 0;
  const layout = workLayout(config.workDir);
  try {
    await runFetchStep(context, async (step, fetchContext) => {
      await fetchInputs({
        task: step.task,
        layout,
        enginesDir: config.enginesDir,
        sourceTokenFile: config.sourceTokenFile,
        settings: {
          dnfCacheDir: `${config.workDir}/dnf-cache`,
          maxLogBytes: config.maxLogBytes,
          uploadSeconds: config.uploadSeconds,
        },
        context: fetchContext,
      });
      return undefined;
    });
    return 0;
  } catch (error) {
    context.log.error({ reason: errorMessage(error) }, 'the inputs could not be fetched');
    return 1;
  }
}
