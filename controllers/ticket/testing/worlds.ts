import type { Builder } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { aBuilder, ago, aPool, aTicket, NOW } from '../../testing/objects.ts';
import { bookOf } from '../book.ts';
import { claimFor } from '../builder.ts';
import type { SchedulerWorld } from '../world.ts';
import { planOf } from './plan.ts';

/** Worlds for tests of the scheduler. */

const ASSIGNED = { phase: 'Assigned', pool: 'default', builder: 'builder-1', assignedAt: ago(3) } as const;

export type WorldParts = Partial<Omit<SchedulerWorld, 'tickets'>> & { tickets?: readonly BuilderTicket[] };

export function aWorld(more: WorldParts = {}): SchedulerWorld {
  return {
    builders: [],
    pools: [aPool('default')],
    quotas: new Map(),
    namespaceQuotas: new Map(),
    defaultQuota: undefined,
    suspended: new Set(),
    ...more,
    tickets: bookOf(more.tickets ?? []),
  };
}

/** A ticket named `owner/project/rest` of that owner and project; tickets are as old as they are early in the list. */
export function tickets(...names: string[]): BuilderTicket[] {
  return names.map((name, index) => {
    const [owner = '', project = ''] = name.split('/');
    const spec = { owner, project, sandbox: `${owner}/${project}` };
    return aTicket(name, spec, undefined, { creationTimestamp: ago(1000 - index) });
  });
}

/** A ticket of a client of Resalloc. */
export function aLoan(name: string, spec: Partial<BuilderTicket['spec']> = {}, status?: BuilderTicket['status']) {
  const ticket = aTicket(name, spec, status);
  const { chrootBuild: _chrootBuild, chrootBuildUID: _uid, project: _project, ...rest } = ticket.spec;
  return { ...ticket, spec: { ...rest, environment: 'machine' as const } };
}

/** A running stage: an assigned ticket and its Builder. */
export function running(...names: string[]): { tickets: BuilderTicket[]; builders: Builder[] } {
  const assigned = tickets(...names).map((ticket) => ({ ...ticket, status: ASSIGNED }));
  return { tickets: assigned, builders: assigned.map((ticket) => aBuilder(ticket, { phase: 'Running' })) };
}

/** A pool of machines that kopr reaches over SSH. */
export function aMachinePool(
  name: string,
  spec: Partial<BuilderPool['spec']> = {},
  status?: BuilderPool['status'],
): BuilderPool {
  const pool = aPool(name, {}, status);
  const { pod: _pod, ...rest } = pool.spec;
  const hook = { command: ['true'], timeoutSeconds: 60 };
  const command = {
    image: 'hooks',
    imagePullPolicy: 'Always' as const,
    new: hook,
    delete: hook,
    listPeriodSeconds: 60,
  };
  return { ...pool, spec: { ...rest, command, ssh: SSH, ...spec } };
}

const SSH: NonNullable<BuilderPool['spec']['ssh']> = {
  user: 'root',
  keySecretName: 'key',
  hostKeys: 'Output',
  repositories: 'Tunnel',
  engine: 'auto',
  connectTimeoutSeconds: 30,
  keepAliveSeconds: 15,
  reconnectSeconds: 600,
};

export interface MachineParts {
  pool?: string;
  sandbox?: string;
  host?: string;
  ticket?: BuilderTicket;
  status?: Builder['status'];
  deleted?: boolean;
}

/** A machine that is up and free, unless said otherwise. */
export function aMachine(name: string, parts: MachineParts = {}): Builder {
  const { pool = 'cloud', sandbox, host, ticket, status = { phase: 'Ready' }, deleted = false } = parts;
  const made = aBuilder(aTicket(name), status, pool);
  const { ticket: _t, chrootBuild: _c, attempt: _a, sandbox: _s, ...spec } = made.spec;
  return {
    ...made,
    metadata: { ...made.metadata, name, uid: `uid-${name}`, ...(deleted ? { deletionTimestamp: ago(1) } : {}) },
    spec: {
      ...spec,
      machine: { index: 0, ...(host === undefined ? {} : { host, slot: 1 }) },
      ...(sandbox === undefined ? {} : { sandbox }),
      ...(ticket === undefined ? {} : claimFor(ticket)),
    },
  };
}

/** Names of the tickets that get a builder, in the order in which they do. */
export function served(world: WorldParts): string[] {
  return planOf(aWorld(world), NOW).assign.map(({ ticket }) => ticket.metadata.name);
}
