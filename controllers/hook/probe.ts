import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { MachineTarget } from '../../lib/protocol/machine.ts';
import { MACHINE_VARIABLE } from '../../lib/protocol/machine.ts';
import { parseAddress } from '../../lib/resalloc/address.ts';
import type { Job } from '../../operator/core.ts';
import { RESTRICTED } from '../builder/pod.ts';
import type { Installation } from '../builder/world.ts';
import { job } from './job.ts';
import { HOOK_CONTAINER } from './names.ts';

export type SshCommand = 'probe' | 'check' | 'clean';

/**
 * How a machine is reached, from its status and its pool. Undefined while its address is not known, or when the pool has
 * no ssh (any more).
 */
export function machineTargetOf(builder: Builder, pool: BuilderPool | undefined): MachineTarget | undefined {
  const ssh = pool?.spec.ssh;
  const address = builder.status?.address === undefined ? undefined : parseAddress(builder.status.address);
  if (ssh === undefined || address === undefined) return undefined;
  const hostKeys = builder.status?.hostKeys ?? [];
  return {
    name: builder.metadata.name,
    ...address,
    user: builder.status?.user ?? ssh.user,
    slot: builder.spec.machine?.slot ?? 1,
    hostKeys: [...hostKeys],
    trustFirstUse: ssh.hostKeys === 'FirstUse' && hostKeys.length === 0,
    engine: ssh.engine,
    repositories: ssh.repositories,
    connectTimeoutSeconds: ssh.connectTimeoutSeconds,
    keepAliveSeconds: ssh.keepAliveSeconds,
    reconnectSeconds: ssh.reconnectSeconds,
  };
}

/** Volumes with the key that opens the machine, and where the container that drives it has them. */
export function sshVolumes(pool: BuilderPool): { volumes: object[]; volumeMounts: object[] } {
  const { keySecretName, knownHostsSecretName } = pool.spec.ssh ?? {};
  if (keySecretName === undefined) throw new Error(`BuilderPool ${pool.metadata.name} has no ssh`);
  const key = secretVolume('ssh-key', keySecretName, 'ssh-privatekey');
  const keyMount = { name: 'ssh-key', mountPath: '/kopr/ssh/key', readOnly: true };
  if (knownHostsSecretName === undefined) return { volumes: [key], volumeMounts: [keyMount] };
  return {
    volumes: [key, secretVolume('ssh-known-hosts', knownHostsSecretName, 'known_hosts')],
    volumeMounts: [keyMount, { name: 'ssh-known-hosts', mountPath: '/kopr/ssh/known-hosts', readOnly: true }],
  };
}

function secretVolume(name: string, secretName: string, key: string): object {
  return { name, secret: { secretName, items: [{ key, path: key }] } };
}

export function machineVariable(target: MachineTarget): { name: string; value: string } {
  return { name: MACHINE_VARIABLE, value: JSON.stringify(target) };
}

/** Of the time limit of a Job: for its pod to start, and for the pause before the last attempt to connect. */
const START_SECONDS = 30;

/**
 * How long "clean" waits for a machine that is away: it gives up in time to say why, since a program that the deadline of
 * its Job ends can say nothing. Half of a short limit it waits in any case: a machine may be restarting.
 */
function patience({ reconnectSeconds, connectTimeoutSeconds }: MachineTarget, timeoutSeconds: number): number {
  const inTime = timeoutSeconds - START_SECONDS - connectTimeoutSeconds;
  return Math.max(1, Math.min(reconnectSeconds, Math.max(inTime, Math.floor(timeoutSeconds / 2))));
}

export interface ProbeJob {
  /** Deterministic: see jobName. */
  name: string;
  command: SshCommand;
  pool: BuilderPool;
  builder: Builder;
  target: MachineTarget;
  timeoutSeconds: number;
  installation: Pick<Installation, 'builderImage' | 'builderImagePullPolicy' | 'hostAliases'>;
}

/** Pure: the Job that looks at a machine over SSH, or cleans it. */
export function probeJob({ name, command, pool, builder, target, timeoutSeconds, installation }: ProbeJob): Job {
  const { volumes, volumeMounts } = sshVolumes(pool);
  const { name: machine, uid } = builder.metadata;
  const reached = command === 'clean' ? { ...target, reconnectSeconds: patience(target, timeoutSeconds) } : target;
  return job(
    { name, hook: command, pool, machine: { name: machine, ...(uid === undefined ? {} : { uid }) } },
    Math.max(1, timeoutSeconds),
    {
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      ...(installation.hostAliases.length === 0 ? {} : { hostAliases: [...installation.hostAliases] }),
      containers: [
        {
          name: HOOK_CONTAINER,
          image: installation.builderImage,
          imagePullPolicy: installation.builderImagePullPolicy,
          args: [command],
          env: [machineVariable(reached)],
          securityContext: RESTRICTED,
          resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
          volumeMounts: [...volumeMounts, { name: 'tmp', mountPath: '/tmp' }],
        },
      ],
      volumes: [...volumes, { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }],
    },
  );
}
