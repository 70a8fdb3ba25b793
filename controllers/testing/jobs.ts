/** Plays the Job controller, and the nodes on which the pods of Jobs run: hooks of pools and programs of ours. */
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import { ApiError } from '../../operator/client.ts';
import type { ReconcileResult } from '../../operator/controller.ts';
import type { ContainerStatus, Job, JobCondition, Pod, PodStatus } from '../../operator/core.ts';
import { Jobs, Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import { keyOf, ownerReference, parseKey } from '../../operator/resource.ts';
import { HOOK_CONTAINER, LABELS } from '../hook/names.ts';
import { BEGIN_OUTPUT } from '../hook/output.ts';
import { createOnce } from '../shared/create.ts';
import { isGoneOrOther } from '../shared/patch.ts';

export interface JobRun {
  /** Name of the Job. */
  name: string;
  hook: string;
  /** Name of the Builder. */
  machine: string;
  uid: string;
}

/** How a Job ends; `runs`: not yet. */
export type JobEnd = 'runs' | { exitCode: number; said?: string; output?: string };

export class JobPlayer {
  /** Decides over each run, again and again while it runs. `earlier` is how often this hook has run for the machine. */
  end: (run: JobRun, earlier: number) => JobEnd = () => ({ exitCode: 0 });
  /** Every pod of a Job that was ever started. */
  readonly runs: JobRun[] = [];
  private readonly logs = new Map<string, string>();

  add(manager: Manager): void {
    manager.addController({
      name: 'jobs',
      for: Jobs,
      owns: [Pods],
      workers: 4,
      reconcile: (key) => this.reconcile(manager, key),
      rbac: [],
    });
  }

  /** The log of a pod, as the API server gets it from the node. */
  async *podLog(key: string): AsyncIterable<Buffer> {
    const text = this.logs.get(key);
    if (text === undefined) {
      const { name } = parseKey(key);
      const message = `pods "${name}" not found`;
      throw new ApiError({ status: 404, reason: 'NotFound', message, method: 'GET', path: `/pods/${name}/log` });
    }
    yield Buffer.from(text);
  }

  private async reconcile(manager: Manager, key: string): Promise<ReconcileResult> {
    const job = manager.store(Jobs).get(key);
    if (job === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
    if ((job.status?.conditions ?? []).length > 0) return undefined;
    try {
      return await this.run(manager, job);
    } catch (error) {
      if (!isGoneOrOther(error)) throw error;
      return undefined;
    }
  }

  private async run(manager: Manager, job: Job): Promise<ReconcileResult> {
    const run = runOf(job);
    const pod = podOf(job);
    const fresh = await createOnce(manager.client, Pods, pod);
    if (fresh) this.runs.push(run);
    const end = this.end(
      run,
      this.runs.filter(({ hook, machine }) => hook === run.hook && machine === run.machine).length - 1,
    );
    if (end === 'runs') return { requeueAfterMs: 50, reason: 'Running' };
    const printed = end.exitCode === 0 && end.output !== undefined ? `\n${BEGIN_OUTPUT}\n${end.output}` : '';
    this.logs.set(keyOf(pod), `${end.said ?? ''}${printed}`);
    await tell(manager, Pods, pod, ended(end.exitCode));
    await tell(manager, Jobs, job, end.exitCode === 0 ? completed() : failed());
    return undefined;
  }
}

function runOf({ metadata }: Job): JobRun {
  const { name, labels = {}, annotations = {}, uid = '' } = metadata;
  return { name, hook: labels[LABELS.hook] ?? '', machine: annotations[LABELS.builder] ?? '', uid };
}

function podOf(job: Job): Pod {
  const { template } = job.spec;
  const { name, namespace = '' } = job.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template.metadata,
      name: `${name}-run`,
      namespace,
      labels: { ...template.metadata?.labels, 'batch.kubernetes.io/job-name': name },
      ownerReferences: [ownerReference(job, { controller: true })],
    },
    spec: template.spec,
  };
}

async function tell(
  manager: Manager,
  type: typeof Pods | typeof Jobs,
  object: Pod | Job,
  status: PodStatus | Job['status'],
): Promise<void> {
  await manager.client.mergePatch<Pod | Job>(type, keyOf(object), { status }, { subresource: 'status' });
}

function ended(exitCode: number): PodStatus {
  const now = toTimestamp(systemClock.now());
  const terminated = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: now, finishedAt: now };
  const status: ContainerStatus = {
    name: HOOK_CONTAINER,
    ready: false,
    restartCount: 0,
    image: 'i',
    imageID: '',
    state: { terminated },
  };
  return { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [status] };
}

function conditions(...entries: [type: string, reason: string][]): JobCondition[] {
  const lastTransitionTime = toTimestamp(systemClock.now());
  return entries.map(([type, reason]) => ({ type, status: 'True', reason, message: reason, lastTransitionTime }));
}

/** The API server takes these together only. */
function completed(): Job['status'] {
  const now = toTimestamp(systemClock.now());
  const reached = conditions(['SuccessCriteriaMet', 'CompletionsReached'], ['Complete', 'CompletionsReached']);
  return { startTime: now, completionTime: now, succeeded: 1, conditions: reached };
}

function failed(): Job['status'] {
  const now = toTimestamp(systemClock.now());
  const over = conditions(['FailureTarget', 'BackoffLimitExceeded'], ['Failed', 'BackoffLimitExceeded']);
  return { startTime: now, failed: 1, conditions: over };
}
