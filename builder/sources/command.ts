import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../../lib/errors.ts';
import { workLayout } from '../paths.ts';
import type { Process } from '../process.ts';
import { existingVerdict, succeeded, waitForUpload } from '../verdict.ts';
import { runFetchStep } from './fetch-step.ts';
import { fetchedSource, SOURCE_FILE } from './fetched.ts';
import { makeSrpm } from './srpm.ts';

/** The build container of a source task: 0 when its verdict has been uploaded, whatever it says. */
export async function srpmCommand(context: Process): Promise<number> {
  try {
    if ((await existingVerdict(context.config.resultsDir)) === undefined) await build(context);
    const { controlDir, uploadSeconds } = context.config;
    const upload = await waitForUpload(controlDir, context.clock, uploadSeconds * 1000, context.ending);
    if (upload === 'uploaded') return 0;
    context.log.error({ upload }, 'the results were not uploaded');
  } catch (error) {
    context.log.error({ reason: errorMessage(error) }, 'the source package could not be made');
  }
  return 1;
}

async function build(context: Process): Promise<void> {
  const { config } = context;
  const layout = workLayout(config.workDir);
  await runFetchStep(context, async (_step, fetchContext) => {
    const source = fetchedSource.parse(JSON.parse(await readFile(join(layout.plan, SOURCE_FILE), 'utf8')));
    const name = await makeSrpm(source, {
      ...fetchContext,
      server: 'stranger',
      sourcesDir: layout.sources,
      scratch: layout.scratch,
      resultsDir: config.resultsDir,
    });
    return succeeded(`the source package ${name} was made`);
  });
}
