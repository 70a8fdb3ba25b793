import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Job } from '../../operator/core.ts';
import { Pods } from '../../operator/core.ts';
import { jobLog } from '../hook/log.ts';
import { podsOf } from '../hook/outcome.ts';
import { endOf } from './steps.ts';
import type { Facts } from './world.ts';

const DEADLINE_MS = 20_000;
/** For so long after its end a log is asked for that cannot be had now: a node may be busy, or gone. */
const PATIENCE_MS = 120_000;

/** What a Job has said. Its pods are asked for anew: one that a cache does not show yet must not be taken for gone. */
export async function readLog(
  client: ApiClient,
  job: Job,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<NonNullable<Facts['log']>> {
  const { name, namespace = '', uid = '' } = job.metadata;
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  const { items } = await client.list(Pods, { namespace, labelSelector, signal });
  const pods = podsOf(job, items);
  try {
    const what = `reading the log of Job ${name}`;
    const text = await withDeadline({ clock, ms: DEADLINE_MS, what, signal }, (inner) => jobLog(client, pods, inner));
    return { jobUID: uid, pods, text };
  } catch (error) {
    if (signal.aborted || clock.now() < (endOf(job) ?? 0) + PATIENCE_MS) throw error;
    return { jobUID: uid, pods, text: undefined };
  }
}
