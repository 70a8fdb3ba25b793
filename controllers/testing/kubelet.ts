/** Plays the nodes: moves builder pods through their lives, and does what fetch, agent and build do in them. */
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import { DRIVER_MACHINE_LOST } from '../../lib/protocol/machine.ts';
import type { TaskDocument, Verdict } from '../../lib/protocol/task.ts';
import { AGENT_DIRECTORY_IN_USE, taskDocument } from '../../lib/protocol/task.ts';
import { verifyTaskToken } from '../../lib/protocol/token.ts';
import type { ReconcileResult } from '../../operator/controller.ts';
import type { ContainerStatus, Pod, PodStatus, Secret } from '../../operator/core.ts';
import { Pods, Secrets } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import { controllerOf, keyOf } from '../../operator/resource.ts';
import { TASK_ENTRY, TOKEN_ENTRY } from '../builder/pod.ts';
import { resultsDirectory } from '../shared/names.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import type { PublisherModel } from './publisher.ts';
import { TOKEN_KEY } from './standins.ts';

/** What becomes of a pod. */
export type Fate =
  | 'succeeds'
  | 'fails'
  /** Stays running until its fate is another one. */
  | 'runs'
  /** Stays pending. */
  | 'waits for a node'
  /** Its node is gone: the pod object disappears. */
  | 'vanishes'
  | 'is evicted'
  | 'runs out of memory'
  /** The agent learns that another build has its results directory, and ends; the build goes on. */
  | 'has its directory in use'
  /** The driver of a machine says that the machine is gone. */
  | 'loses its machine'
  /** The build container ends with 0, yet nothing was uploaded. */
  | 'sends nothing'
  /** Uploads everything and then vanishes. */
  | 'succeeds and vanishes';

export interface PodSighting {
  uid: string;
  task: string;
  document: TaskDocument;
}

export class Kubelet {
  /** Decides over each pod, again and again while it runs. `attempt` counts from 1. */
  fate: (task: TaskDocument, attempt: number) => Fate = () => 'succeeds';
  /** Every pod that was ever started. */
  readonly pods: PodSighting[] = [];
  private readonly publisher: PublisherModel;
  private readonly seen = new Set<string>();

  constructor(publisher: PublisherModel) {
    this.publisher = publisher;
  }

  add(manager: Manager): void {
    manager.addController({
      name: 'kubelet',
      for: Pods,
      workers: 4,
      reconcile: (key) => this.reconcile(manager, key),
      rbac: [],
    });
  }

  private async reconcile(manager: Manager, key: string): Promise<ReconcileResult> {
    const pod = manager.store(Pods).get(key);
    if (pod === undefined) return undefined;
    try {
      return await this.run(manager, pod);
    } catch (error) {
      if (!isGoneOrOther(error)) throw error;
      return undefined;
    }
  }

  private async run(manager: Manager, pod: Pod): Promise<ReconcileResult> {
    const phase = pod.status?.phase;
    if (pod.metadata.deletionTimestamp !== undefined) return kill(manager, pod);
    if (phase === 'Succeeded' || phase === 'Failed' || controllerOf(pod)?.kind === 'Job') return undefined;
    const document = await this.mount(manager, pod);
    const fate = this.fate(document, Number(document.task.split('.').at(-1)));
    if (phase !== 'Running') {
      if (fate === 'waits for a node') return { requeueAfterMs: 50, reason: 'Waiting' };
      await tell(manager, pod, running());
      return undefined;
    }
    switch (fate) {
      case 'waits for a node':
      case 'runs':
        return { requeueAfterMs: 50, reason: 'Running' };
      case 'vanishes':
        return kill(manager, pod);
      case 'succeeds and vanishes':
        this.upload(document, SUCCEEDED);
        return kill(manager, pod);
      case 'is evicted':
        await tell(manager, pod, { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: cpu' });
        return undefined;
      case 'runs out of memory':
        await tell(manager, pod, ended('Failed', 137, 'OOMKilled'));
        return undefined;
      case 'has its directory in use':
        await tell(manager, pod, { ...running(), initContainerStatuses: [endedAgent()] });
        return undefined;
      case 'loses its machine':
        await tell(manager, pod, ended('Failed', DRIVER_MACHINE_LOST, 'Error'));
        return undefined;
      case 'sends nothing':
        await tell(manager, pod, ended('Succeeded', 0, 'Completed'));
        return undefined;
      case 'fails':
        this.upload(document, { outcome: 'failed', reason: 'BuildFailed', message: 'rpmbuild said no', exitCode: 1 });
        await tell(manager, pod, ended('Succeeded', 0, 'Completed'));
        return undefined;
      case 'succeeds':
        this.upload(document, SUCCEEDED);
        await tell(manager, pod, ended('Succeeded', 0, 'Completed'));
        return undefined;
    }
  }

  /** Reads the Secret as the containers would, and checks that its entries fit together. */
  private async mount(manager: Manager, pod: Pod): Promise<TaskDocument> {
    const found = await manager.client.get(Secrets, keyOf(pod));
    const document = taskDocument.parse(JSON.parse(entryOf(found, TASK_ENTRY)));
    const token = entryOf(found, TOKEN_ENTRY);
    const claims = await verifyTaskToken(TOKEN_KEY, token, systemClock);
    const directory = resultsDirectory(document.build, document.binary?.packageName);
    const dir = [document.owner, document.project, document.chroot, directory].join('/');
    if (claims.task !== document.task || claims.dir !== dir) {
      throw new Error(`the token of pod ${keyOf(pod)} is for ${claims.task} and ${claims.dir}, not for ${dir}`);
    }
    const uid = pod.metadata.uid ?? '';
    if (!this.seen.has(uid)) {
      this.seen.add(uid);
      this.pods.push({ uid, task: document.task, document });
    }
    return document;
  }

  private upload(document: TaskDocument, verdict: Verdict): void {
    this.publisher.complete(document.task, { verdict, files: [] });
  }
}

const SUCCEEDED: Verdict = { outcome: 'succeeded', reason: 'Succeeded', message: 'built', exitCode: 0 };

function entryOf(secret: Secret | undefined, entry: string): string {
  return Buffer.from(secret?.data?.[entry] ?? '', 'base64').toString();
}

async function kill(manager: Manager, pod: Pod): Promise<void> {
  const uid = pod.metadata.uid ?? '';
  await manager.client.delete(Pods, keyOf(pod), { uid, gracePeriodSeconds: 0 });
}

async function tell(manager: Manager, pod: Pod, status: PodStatus): Promise<void> {
  await manager.client.mergePatch(Pods, keyOf(pod), { status }, { subresource: 'status' });
}

function running(): PodStatus {
  const startedAt = toTimestamp(systemClock.now());
  return {
    phase: 'Running',
    containerStatuses: [{ ...CONTAINER, ready: true, state: { running: { startedAt } } }],
  };
}

function ended(phase: 'Succeeded' | 'Failed', exitCode: number, reason: string): PodStatus {
  const now = toTimestamp(systemClock.now());
  const terminated = { exitCode, reason, startedAt: now, finishedAt: now };
  return { phase, containerStatuses: [{ ...CONTAINER, ready: false, state: { terminated } }] };
}

function endedAgent(): ContainerStatus {
  const now = toTimestamp(systemClock.now());
  const terminated = { exitCode: AGENT_DIRECTORY_IN_USE, reason: 'Error', startedAt: now, finishedAt: now };
  return { ...CONTAINER, name: 'agent', ready: false, state: { terminated } };
}

const CONTAINER = { name: 'build', restartCount: 0, image: 'image', imageID: '' };
