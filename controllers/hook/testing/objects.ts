import type { Builder } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import { API_VERSION } from '../../../crds/kind.ts';
import type { ObjectMeta } from '../../../operator/resource.ts';
import { ago, aPool } from '../../testing/objects.ts';

/** Pools of machines, and machines, for tests. */

export const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAabcdefghijklmnopqrstuvwxyz0123456789ABCDEF';

type CommandProvider = NonNullable<BuilderPool['spec']['command']>;
type SshAccess = NonNullable<BuilderPool['spec']['ssh']>;

export const SSH: SshAccess = {
  user: 'root',
  keySecretName: 'ssh-key',
  hostKeys: 'Output',
  repositories: 'Tunnel',
  engine: 'auto',
  connectTimeoutSeconds: 30,
  keepAliveSeconds: 15,
  reconnectSeconds: 600,
};

export const COMMAND: CommandProvider = {
  image: 'localhost/hooks:1',
  imagePullPolicy: 'IfNotPresent',
  new: { command: ['/hooks/new', 'x86_64'], timeoutSeconds: 600 },
  delete: { command: ['/hooks/delete'], timeoutSeconds: 600 },
  listPeriodSeconds: 1800,
};

/** A pool of the provider `command`; without ssh it serves clients of Resalloc only. */
export function aCommandPool(
  command: Partial<CommandProvider> = {},
  spec: Partial<BuilderPool['spec']> = {},
  name = 'cloud',
): BuilderPool {
  const pool = aPool(name, { command: { ...COMMAND, ...command }, ssh: SSH, ...spec });
  delete pool.spec.pod;
  return pool;
}

export function aHostsPool(spec: Partial<BuilderPool['spec']> = {}, name = 'rack'): BuilderPool {
  const machines = [{ name: 'm1', address: 'm1.example', port: 22, slots: 2, hostKeys: [HOST_KEY] }];
  const pool = aPool(name, { hosts: { machines }, ssh: SSH, ...spec });
  delete pool.spec.pod;
  return pool;
}

export function aMachine(
  more: { spec?: Partial<Builder['spec']>; status?: Builder['status']; metadata?: Partial<ObjectMeta> } = {},
): Builder {
  const name = more.metadata?.name ?? 'cloud-00000007';
  return {
    apiVersion: API_VERSION,
    kind: 'Builder',
    metadata: {
      name,
      namespace: 'kopr-builds',
      uid: `uid-${name}`,
      generation: 1,
      creationTimestamp: ago(10),
      labels: { 'kopr.dev/pool': 'cloud', 'kopr.dev/machine-id': '7' },
      finalizers: ['kopr.dev/machine'],
      ...more.metadata,
    },
    spec: { pool: 'cloud', machine: { index: 2 }, architecture: 'x86_64', ...more.spec },
    ...(more.status === undefined ? {} : { status: more.status }),
  };
}
