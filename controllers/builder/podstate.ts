import { AGENT_DIRECTORY_IN_USE } from '../../lib/protocol/task.ts';
import type { ContainerStatus, Pod } from '../../operator/core.ts';
import { oneSentence } from '../shared/notes.ts';

export interface PodState {
  phase: 'Starting' | 'Running' | 'Ended' | 'Lost';
  reason: string;
  message: string;
  /** When the build container started. */
  startedAt?: string;
}

/**
 * Pure: what a pod's status means for its Builder. `Ended`: the build container ran to its end, hence everything was
 * uploaded. `Lost`: it did not, or it does in vain, and the reason says whether another builder might help.
 */
export function podState(pod: Pod): PodState {
  const build = pod.status?.containerStatuses?.find((status) => status.name === 'build');
  const startedAt = build?.state?.running?.startedAt ?? build?.state?.terminated?.startedAt;
  const started = startedAt === undefined ? {} : { startedAt };
  if (isDirectoryInUse(pod) && build?.state?.terminated?.exitCode !== 0 && pod.status?.phase !== 'Succeeded') {
    const message = 'another build has the results directory; it was given up';
    return { phase: 'Lost', reason: 'DirectoryInUse', message, ...started };
  }
  switch (pod.status?.phase) {
    case 'Succeeded':
      return { phase: 'Ended', reason: 'Ended', message: 'the builder has done its work', ...started };
    case 'Failed':
      return { phase: 'Lost', ...failure(pod, build), ...started };
  }
  // The kubelet reports the pod's own end late, since the sidecar is still being stopped.
  const terminated = build?.state?.terminated;
  if (terminated?.exitCode === 0) {
    return { phase: 'Ended', reason: 'Ended', message: 'the builder has done its work', ...started };
  }
  if (terminated !== undefined) return { phase: 'Lost', ...failure(pod, build), ...started };
  if (build?.state?.running !== undefined) {
    return { phase: 'Running', reason: 'Building', message: `builds on node ${pod.spec.nodeName ?? ''}`, ...started };
  }
  return { phase: 'Starting', ...starting(pod) };
}

/** The agent said so with its end. The kubelet starts it again, and then has its code in the state before. */
function isDirectoryInUse(pod: Pod): boolean {
  const agent = pod.status?.initContainerStatuses?.find(({ name }) => name === 'agent');
  return [agent?.state, agent?.lastState].some((state) => state?.terminated?.exitCode === AGENT_DIRECTORY_IN_USE);
}

function failure(pod: Pod, build: ContainerStatus | undefined): { reason: string; message: string } {
  const { reason, message } = pod.status ?? {};
  const terminated = build?.state?.terminated;
  if (terminated?.reason === 'OOMKilled') {
    return { reason: 'OutOfMemory', message: 'the build used more memory than its pool allows' };
  }
  if (reason === 'DeadlineExceeded') {
    return { reason: 'TimedOut', message: 'the build did not end within its time limit and one hour more' };
  }
  if (reason === 'Evicted') {
    const disk = /ephemeral|emptyDir|disk/i.test(message ?? '');
    const why = oneSentence(message ?? 'no reason given', 500);
    return disk
      ? { reason: 'DiskFull', message: `the build used more disk than its pool allows: ${why}` }
      : { reason: 'Evicted', message: why };
  }
  const broken = [...(pod.status?.initContainerStatuses ?? []), ...(build ? [build] : [])].find(
    (status) => (status.state?.terminated?.exitCode ?? 0) !== 0,
  );
  if (broken !== undefined) {
    const { exitCode, signal } = broken.state?.terminated ?? { exitCode: 0 };
    const how = signal ? `was killed by signal ${signal}` : `ended with exit code ${exitCode}`;
    return { reason: 'BuilderFailed', message: `container ${broken.name} ${how}` };
  }
  return { reason: 'BuilderFailed', message: oneSentence(message ?? reason ?? 'the pod failed', 500) };
}

/** The kubelet's own words, when it has any. */
function because(message: string | undefined): string {
  return message === undefined || message === '' ? '' : `: ${oneSentence(message, 500)}`;
}

const IMAGE_TROUBLE = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull']);

function starting(pod: Pod): { reason: string; message: string } {
  const scheduled = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    return {
      reason: 'Unschedulable',
      message: `no node takes the builder${because(scheduled.message)}`,
    };
  }
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const stuck = containers.find((status) => IMAGE_TROUBLE.has(status.state?.waiting?.reason ?? ''));
  if (stuck !== undefined) {
    const image = stuck.image ? ` ${stuck.image}` : '';
    const why = because(stuck.state?.waiting?.message);
    return { reason: 'ImagePullFailed', message: `the image${image} of container ${stuck.name} cannot be had${why}` };
  }
  const fetch = pod.status?.initContainerStatuses?.find((status) => status.name === 'fetch');
  if (fetch?.state?.running !== undefined)
    return { reason: 'FetchingSources', message: 'its sources are being fetched' };
  return { reason: 'BuilderStarting', message: 'its builder is starting' };
}
