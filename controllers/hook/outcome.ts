import { fromTimestamp } from '../../lib/clock.ts';
import type { Job, Pod } from '../../operator/core.ts';
import { controllerOf } from '../../operator/resource.ts';
import { oneSentence } from '../shared/notes.ts';
import { HOOK_CONTAINER } from './names.ts';

/** The Job controller may be late or dead: for so long after a Job's own deadline it is waited for. */
export const DEADLINE_SLACK_MS = 60_000;

export type JobOutcome =
  | { state: 'running'; deadline: number; message: string }
  | { state: 'succeeded' }
  | { state: 'failed'; reason: 'TimedOut' | 'Failed'; message: string; exitCode?: number };

/** Pure: how a Job stands. `pods` are those of the Job; `now` in milliseconds since the epoch. */
export function jobOutcome(job: Job, pods: readonly Pod[], now: number): JobOutcome {
  const seconds = job.spec.activeDeadlineSeconds ?? 0;
  const late = `did not end within ${seconds} s`;
  const conditions = job.status?.conditions ?? [];
  if (conditions.some(({ type, status }) => type === 'Complete' && status === 'True')) return { state: 'succeeded' };
  const failed = conditions.find(({ type, status }) => type === 'Failed' && status === 'True');
  if (failed?.reason === 'DeadlineExceeded') return { state: 'failed', reason: 'TimedOut', message: late };
  if (failed !== undefined) {
    const exitCode = exitCodeOf(pods);
    if (exitCode !== undefined) {
      return { state: 'failed', reason: 'Failed', message: `ended with exit code ${exitCode}`, exitCode };
    }
    return { state: 'failed', reason: 'Failed', message: oneSentence(failed.message ?? 'its pod is gone', 300) };
  }
  const begun = job.status?.startTime ?? job.metadata.creationTimestamp;
  const deadline = (begun === undefined ? now : fromTimestamp(begun)) + seconds * 1000 + DEADLINE_SLACK_MS;
  if (deadline <= now) return { state: 'failed', reason: 'TimedOut', message: late };
  return { state: 'running', deadline, message: waitingFor(pods) };
}

/** The pods of a Job, whatever other pods bear its label. */
export function podsOf(job: Job, pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => controllerOf(pod)?.uid === job.metadata.uid);
}

/** Index of the pods of Jobs, by name of the Job. */
export function jobOfPod(pod: Pod): string[] {
  const owner = controllerOf(pod);
  return owner?.kind === 'Job' ? [`${pod.metadata.namespace ?? ''}/${owner.name}`] : [];
}

function exitCodeOf(pods: readonly Pod[]): number | undefined {
  const statuses = pods.flatMap((pod) => pod.status?.containerStatuses ?? []);
  return statuses.find(({ name }) => name === HOOK_CONTAINER)?.state?.terminated?.exitCode;
}

function waitingFor(pods: readonly Pod[]): string {
  const [pod] = pods;
  if (pod === undefined) return 'waits for its pod';
  const waiting = pod.status?.containerStatuses?.find(({ name }) => name === HOOK_CONTAINER)?.state?.waiting;
  if (waiting?.message !== undefined) return oneSentence(`${waiting.reason ?? 'waits'}: ${waiting.message}`, 300);
  const unscheduled = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled !== undefined) return oneSentence(`no node takes it: ${unscheduled.message ?? ''}`, 300);
  return 'runs';
}
