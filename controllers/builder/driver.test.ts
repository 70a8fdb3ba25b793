import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { driverLimitSeconds } from '../../lib/protocol/machine.ts';
import type { Container } from '../../operator/core.ts';
import { machineTargetOf } from '../hook/probe.ts';
import { aCommandPool, aMachine, HOST_KEY, SSH } from '../hook/testing/objects.ts';
import { aBinaryStage, aChroot, aClaim, aTicket, INSTALLATION } from '../testing/objects.ts';
import { driverPod } from './driver.ts';

const pool = aCommandPool({}, { ssh: { ...SSH, hostKeys: 'KnownHosts', knownHostsSecretName: 'known' } });
const builder = aMachine({ status: { address: '10.0.0.7:2222', user: 'fedora', hostKeys: [HOST_KEY] } });
const target = machineTargetOf(builder, pool);
if (target === undefined) throw new Error('the machine has no target');
const pod = driverPod(
  {
    builder,
    claim: aClaim(aTicket('t')),
    pool,
    ticket: aTicket('t'),
    chrootBuild: aBinaryStage('pebble-13-x86_64'),
    project: undefined,
    chroot: aChroot('pebble-13-x86_64'),
    pod: undefined,
  },
  target,
  INSTALLATION,
);
const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];

function volumesOf(container: Container): string[] {
  return (container.volumeMounts as { name: string }[]).map(({ name }) => name);
}

function holdersOf(volume: string): string[] {
  return containers.filter((container) => volumesOf(container).includes(volume)).map(({ name }) => name);
}

describe('the pod that drives a machine', () => {
  it('is as agreed', async () => {
    await expect(stringify(pod, { aliasDuplicateObjects: false })).toMatchFileSnapshot('testdata/pod-machine.yaml');
  });

  it('is named after the ticket, since its Builder serves others after it', () => {
    expect(pod.metadata.name).toMatch(/^builder-[0-9a-f]{10}$/);
    expect(pod.metadata.ownerReferences).toMatchObject([{ kind: 'Builder', name: 'cloud-00000007' }]);
  });

  it('gives the key of the machine to the driver alone, and the token to the agent alone', () => {
    expect([holdersOf('ssh-key'), holdersOf('ssh-known-hosts')]).toEqual([['build'], ['build']]);
    expect([holdersOf('token'), holdersOf('source-token')]).toEqual([['agent'], ['fetch']]);
  });

  it('has no capability, no other user than an ordinary one, and a user namespace of its own', () => {
    expect(pod.spec.hostUsers).toBe(false);
    for (const { securityContext } of containers) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, capabilities: { drop: ['ALL'] } });
      expect(securityContext).not.toHaveProperty('capabilities.add');
    }
  });

  it('ends after the driver has given up by itself, however late in its time that has started', () => {
    const ownLimit = driverLimitSeconds(aBinaryStage('pebble-13-x86_64').spec.timeoutSeconds);
    const latest = pool.spec.startTimeoutSeconds + ownLimit + (pod.spec.terminationGracePeriodSeconds ?? 0);
    expect(latest).toBeLessThan(pod.spec.activeDeadlineSeconds ?? 0);
  });

  it('leaves the driver time to end what runs on the machine', () => {
    expect(pod.spec.terminationGracePeriodSeconds).toBe(60);
  });
});
