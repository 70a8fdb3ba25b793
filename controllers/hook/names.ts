import { labelValue, shortHash, truncated } from '../shared/names.ts';

/** Labels by which the Jobs of pools and machines are found. */
export const LABELS = {
  pool: 'kopr.dev/pool',
  /** Name of the Builder as a label value; the annotation of the same name has it whole. */
  builder: 'kopr.dev/builder',
  /** Uid of the Builder: machines of an inventory are made anew under the same name. */
  builderUID: 'kopr.dev/builder-uid',
  hook: 'kopr.dev/hook',
  /** Of a Builder: the number that the hooks know it by. */
  machineID: 'kopr.dev/machine-id',
} as const;

/** Keeps the Builder of a machine until the machine is deleted, or cleaned if it belongs to an inventory. */
export const MACHINE_FINALIZER = 'kopr.dev/machine';

/** Container of every Job that kopr makes. */
export const HOOK_CONTAINER = 'hook';

/** A Job's name is also a label of its pods: 63 characters at most. */
const MAX_JOB_NAME = 63;

/** The name follows from what the Job is for, so that nothing runs twice: `suffix` is such as "new" or "release-3". */
export function jobName(of: string, suffix: string): string {
  const name = `${of}-${suffix}`;
  // Dots are allowed in the name of a Job, not in the host name of its pods.
  if (name.length <= MAX_JOB_NAME && !name.includes('.')) return name;
  const tail = `-${shortHash(of)}-${suffix}`;
  return `${truncated(of.replaceAll('.', '-'), MAX_JOB_NAME - tail.length)}${tail}`;
}

export function poolLabels(pool: string): Record<string, string> {
  return { 'app.kubernetes.io/part-of': 'kopr', [LABELS.pool]: labelValue(pool) };
}
