import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Job } from '../../operator/core.ts';
import { hookJob } from '../hook/job.ts';
import { jobName, LABELS } from '../hook/names.ts';

/** The Jobs of this controller; those of machines have the uid of a Builder. */
const ATTEMPT = 'kopr.dev/attempt';

/** Pure. `due` in milliseconds since the epoch: one Job for each time. */
export function listJob(pool: BuilderPool, due: number): Job {
  const name = jobName(pool.metadata.name, `list-${Math.floor(due / 1000)}`);
  return hookJob({ name, hook: 'list', pool });
}

/** Pure: the Job that deletes a machine nobody knows. */
export function orphanJob(pool: BuilderPool, machine: string, attempt: number): Job {
  const name = jobName(`${pool.metadata.name}-${machine.toLowerCase().replaceAll('_', '-')}`, `orphan-${attempt}`);
  const timeoutSeconds = pool.spec.deleteTimeoutSeconds;
  const made = hookJob({ name, hook: 'delete', pool, machine: { name: machine, id: 0, index: 0 }, timeoutSeconds });
  const annotations = { ...made.metadata.annotations, [ATTEMPT]: String(attempt) };
  return { ...made, metadata: { ...made.metadata, annotations } };
}

export function isListJob({ metadata }: Job): boolean {
  return metadata.labels?.[LABELS.hook] === 'list';
}

export interface OrphanRun {
  job: Job;
  machine: string;
  attempt: number;
}

/** Undefined for every other Job. */
export function orphanRunOf(job: Job): OrphanRun | undefined {
  const { labels, annotations } = job.metadata;
  if (labels?.[LABELS.hook] !== 'delete' || labels[LABELS.builderUID] !== undefined) return undefined;
  const machine = annotations?.[LABELS.builder];
  const attempt = Number(annotations?.[ATTEMPT]);
  return machine === undefined || !Number.isSafeInteger(attempt) ? undefined : { job, machine, attempt };
}

/** When it was over, as far as can be told. */
export function endedAt(job: Job, now: number): number {
  const condition = job.status?.conditions?.find(({ type, status }) => type === 'Failed' && status === 'True');
  const at = condition?.lastTransitionTime ?? job.status?.completionTime;
  return at === undefined ? now : fromTimestamp(at);
}

export function madeAt({ metadata }: Job): number {
  return metadata.creationTimestamp === undefined ? 0 : fromTimestamp(metadata.creationTimestamp);
}
