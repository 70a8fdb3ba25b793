import type { Build } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition, isTrue, setCondition } from '../../operator/conditions.ts';

/** Condition types of everything that runs once and ends. */
export const COMPLETE = 'Complete';
export const SUCCEEDED = 'Succeeded';

/** Both conditions change together: waiting for Complete always ends, Succeeded says how. */
export function runConditions(
  previous: readonly Condition[] | undefined,
  outcome: 'running' | 'succeeded' | 'failed',
  reason: string,
  message: string,
  generation: number | undefined,
  now: string,
): Condition[] {
  const succeeded = outcome === 'running' ? 'Unknown' : outcome === 'succeeded' ? 'True' : 'False';
  const withSucceeded = setCondition(
    previous,
    { type: SUCCEEDED, status: succeeded, reason, message },
    generation,
    now,
  );
  return setCondition(
    withSucceeded,
    { type: COMPLETE, status: outcome === 'running' ? 'False' : 'True', reason, message },
    generation,
    now,
  );
}

export function isComplete(run: Build | ChrootBuild | undefined): boolean {
  return isTrue(run?.status?.conditions as Condition[] | undefined, COMPLETE);
}

export function hasSucceeded(run: Build | ChrootBuild | undefined): boolean {
  return isTrue(run?.status?.conditions as Condition[] | undefined, SUCCEEDED);
}

/** When the run ended, as a timestamp; undefined while it runs. */
export function completedAt(run: Build | ChrootBuild): string | undefined {
  const condition = findCondition(run.status?.conditions as Condition[] | undefined, COMPLETE);
  return condition?.status === 'True' ? condition.lastTransitionTime : undefined;
}
