import type { MachineTarget } from '../../lib/protocol/machine.ts';
import type { Pod } from '../../operator/core.ts';
import { machineVariable, sshVolumes } from '../hook/probe.ts';
import { mount, ownImage, podAround, RESTRICTED, TMP } from './pod.ts';
import type { BuilderWorld, Installation } from './world.ts';

/** Long enough to end what runs on the machine over a slow connection. */
const GRACE_SECONDS = 60;

/**
 * Pure: the pod of a stage that is built on a machine. The container that builds is the driver: our own program, the only
 * one with the key to the machine. Strangers' code runs there, and never here.
 */
export function driverPod(
  world: BuilderWorld & { pool: NonNullable<BuilderWorld['pool']> },
  target: MachineTarget,
  installation: Installation,
): Pod {
  const { volumes, volumeMounts } = sshVolumes(world.pool);
  const driver = {
    name: 'build',
    ...ownImage(installation, 'machine'),
    env: [machineVariable(target)],
    securityContext: RESTRICTED,
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '1Gi' } },
    volumeMounts: [mount('task', true), mount('work'), mount('results'), mount('control', true), TMP, ...volumeMounts],
  };
  return podAround(driver, world, installation, {
    fromDistgit: true,
    // Network policies let these alone reach machines.
    labels: { 'kopr.dev/driver': 'true' },
    volumes,
    graceSeconds: GRACE_SECONDS,
  });
}
