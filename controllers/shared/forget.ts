import type { Builder, StageClaim } from '../../crds/builder.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { ReconcileContext } from '../../operator/controller.ts';
import { keyOf } from '../../operator/resource.ts';
import { taskID } from './names.ts';
import type { Services } from './services.ts';

/** True once the publisher refuses the token of the attempt. Asking again does no harm. */
export async function forgetAttempt(
  services: Pick<Services, 'forgetTask'>,
  builder: Builder,
  { chrootBuild, attempt }: Pick<StageClaim, 'chrootBuild' | 'attempt'>,
  { log, signal }: Pick<ReconcileContext, 'log' | 'signal'>,
): Promise<boolean> {
  try {
    await services.forgetTask(taskID({ metadata: chrootBuild }, attempt), signal);
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn({ builder: keyOf(builder), problem: errorMessage(error) }, 'attempt was not forgotten');
    return false;
  }
}
