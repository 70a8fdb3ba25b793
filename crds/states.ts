import type { Condition } from '../operator/conditions.ts';
import { findCondition, isTrue, setCondition } from '../operator/conditions.ts';
import type { Build, BuildStatus } from './build.ts';
import type { ChrootBuild, ChrootBuildStatus } from './chrootbuild.ts';
import type { Removal } from './removal.ts';

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

/**
 * The status of a run that has ended and whose spec was changed since (its time to live, a late cancellation): the same,
 * as of the new generation. Whoever waits does not count what was observed of an older one, and would wait for ever.
 */
export function reobserved(run: Build): BuildStatus | undefined;
export function reobserved(run: ChrootBuild): ChrootBuildStatus | undefined;
export function reobserved({ metadata, status }: Build | ChrootBuild): BuildStatus | ChrootBuildStatus | undefined {
  const { generation } = metadata;
  if (generation === undefined || status === undefined || (status.observedGeneration ?? 0) >= generation)
    return undefined;
  const conditions = status.conditions?.map((condition) => ({ ...condition, observedGeneration: generation }));
  return { ...status, observedGeneration: generation, ...(conditions === undefined ? {} : { conditions }) };
}

/** Something that runs once and ends. */
type Run = Build | ChrootBuild | Removal;

export function isComplete(run: Run | undefined): boolean {
  return isTrue(run?.status?.conditions as Condition[] | undefined, COMPLETE);
}

export function hasSucceeded(run: Run | undefined): boolean {
  return isTrue(run?.status?.conditions as Condition[] | undefined, SUCCEEDED);
}

/** When the run ended, as a timestamp; undefined while it runs. */
export function completedAt(run: Run): string | undefined {
  const condition = findCondition(run.status?.conditions as Condition[] | undefined, COMPLETE);
  return condition?.status === 'True' ? condition.lastTransitionTime : undefined;
}
