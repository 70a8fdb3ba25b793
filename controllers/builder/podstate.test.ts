import { describe, expect, it } from 'vitest';
import type { ContainerState, Pod, PodStatus } from '../../operator/core.ts';
import { podState } from './podstate.ts';

const AT = '2026-11-24T11:59:00Z';

function aPod(status: PodStatus): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'builder-1', namespace: 'kopr-builds' },
    spec: { containers: [], nodeName: 'node-1' },
    status,
  };
}

function container(name: string, state: ContainerState) {
  return { name, ready: false, restartCount: 0, image: 'localhost/image', state };
}

function build(state: ContainerState): Pick<PodStatus, 'containerStatuses'> {
  return { containerStatuses: [container('build', state)] };
}

function init(name: string, state: ContainerState): Pick<PodStatus, 'initContainerStatuses'> {
  return { initContainerStatuses: [container(name, state)] };
}

const ended = (exitCode: number, more: object = {}): ContainerState => ({
  terminated: { exitCode, startedAt: AT, finishedAt: AT, ...more },
});

describe('podState', () => {
  it.each<{ title: string; status: PodStatus; phase: string; reason: string; message?: string }>([
    { title: 'is new', status: {}, phase: 'Starting', reason: 'BuilderStarting' },
    { title: 'is pending', status: { phase: 'Pending' }, phase: 'Starting', reason: 'BuilderStarting' },
    {
      title: 'finds no node',
      status: {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are\navailable' }],
      },
      phase: 'Starting',
      reason: 'Unschedulable',
      message: 'no node takes the builder: 0/3 nodes are available',
    },
    {
      title: 'cannot pull the image of a container',
      status: { phase: 'Pending', ...build({ waiting: { reason: 'ImagePullBackOff', message: 'not found' } }) },
      phase: 'Starting',
      reason: 'ImagePullFailed',
      message: 'the image localhost/image of container build cannot be had: not found',
    },
    {
      title: 'cannot pull the image of an init container',
      status: { phase: 'Pending', ...init('fetch', { waiting: { reason: 'ErrImageNeverPull' } }) },
      phase: 'Starting',
      reason: 'ImagePullFailed',
    },
    {
      title: 'fetches its sources',
      status: { phase: 'Pending', ...init('fetch', { running: { startedAt: AT } }) },
      phase: 'Starting',
      reason: 'FetchingSources',
    },
    {
      title: 'has started its sidecar only',
      status: { phase: 'Pending', ...init('agent', { running: { startedAt: AT } }) },
      phase: 'Starting',
      reason: 'BuilderStarting',
    },
    {
      title: 'builds',
      status: { phase: 'Running', ...build({ running: { startedAt: AT } }) },
      phase: 'Running',
      reason: 'Building',
      message: 'builds on node node-1',
    },
    {
      title: 'has built, with the sidecar still running',
      status: { phase: 'Running', ...build(ended(0)) },
      phase: 'Ended',
      reason: 'Ended',
    },
    { title: 'succeeded', status: { phase: 'Succeeded', ...build(ended(0)) }, phase: 'Ended', reason: 'Ended' },
    {
      title: 'ran out of memory, with the sidecar still running',
      status: { phase: 'Running', ...build(ended(137, { reason: 'OOMKilled' })) },
      phase: 'Lost',
      reason: 'OutOfMemory',
    },
    {
      title: 'ran out of memory',
      status: { phase: 'Failed', ...build(ended(137, { reason: 'OOMKilled' })) },
      phase: 'Lost',
      reason: 'OutOfMemory',
    },
    {
      title: 'ran beyond its deadline',
      status: { phase: 'Failed', reason: 'DeadlineExceeded' },
      phase: 'Lost',
      reason: 'TimedOut',
    },
    {
      title: 'was evicted for its disk usage',
      status: { phase: 'Failed', reason: 'Evicted', message: 'Usage of EmptyDir volume "work" exceeds the limit' },
      phase: 'Lost',
      reason: 'DiskFull',
    },
    {
      title: 'was evicted for the sake of others',
      status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory' },
      phase: 'Lost',
      reason: 'Evicted',
    },
    {
      title: 'failed in its init container',
      status: { phase: 'Failed', ...init('fetch', ended(1)) },
      phase: 'Lost',
      reason: 'BuilderFailed',
      message: 'container fetch ended with exit code 1',
    },
    {
      title: 'was killed',
      status: { phase: 'Failed', ...build(ended(137, { signal: 9 })) },
      phase: 'Lost',
      reason: 'BuilderFailed',
      message: 'container build was killed by signal 9',
    },
    {
      title: 'failed for a reason of its node',
      status: {
        phase: 'Failed',
        reason: 'NodeShutdown',
        message: 'Pod was terminated in response to imminent shutdown',
      },
      phase: 'Lost',
      reason: 'BuilderFailed',
      message: 'Pod was terminated in response to imminent shutdown',
    },
    {
      title: 'builds into a directory that another build has',
      status: { phase: 'Running', ...build({ running: { startedAt: AT } }), ...init('agent', ended(20)) },
      phase: 'Lost',
      reason: 'DirectoryInUse',
    },
    {
      title: 'builds into such a directory, with its sidecar started again',
      status: {
        phase: 'Running',
        ...build({ running: { startedAt: AT } }),
        initContainerStatuses: [{ ...container('agent', { running: { startedAt: AT } }), lastState: ended(20) }],
      },
      phase: 'Lost',
      reason: 'DirectoryInUse',
    },
    {
      title: 'had uploaded everything before',
      status: { phase: 'Running', ...build(ended(0)), ...init('agent', ended(20)) },
      phase: 'Ended',
      reason: 'Ended',
    },
    {
      title: 'failed without a word',
      status: { phase: 'Failed' },
      phase: 'Lost',
      reason: 'BuilderFailed',
      message: 'the pod failed',
    },
  ])('of a pod that $title is $phase ($reason)', ({ status, phase, reason, message }) => {
    const state = podState(aPod(status));
    expect(state).toMatchObject({ phase, reason, ...(message === undefined ? {} : { message }) });
    expect(state.message).toMatch(/^\S.*[^.\s]$/);
  });

  it('knows since when the build container has been running, also after its end', () => {
    expect(podState(aPod({ phase: 'Running', ...build({ running: { startedAt: AT } }) })).startedAt).toBe(AT);
    expect(podState(aPod({ phase: 'Failed', ...build(ended(1)) })).startedAt).toBe(AT);
    expect(podState(aPod({ phase: 'Failed', ...init('fetch', ended(1)) })).startedAt).toBeUndefined();
  });
});
