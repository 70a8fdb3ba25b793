import type { Builder } from '../../../crds/builder.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { aBuilder, ago, aPool, aTicket, NOW } from '../../testing/objects.ts';
import { schedule } from '../schedule.ts';
import type { SchedulerWorld } from '../world.ts';

/** Worlds for tests of the scheduler. */

const ASSIGNED = { phase: 'Assigned', pool: 'default', builder: 'builder-1', assignedAt: ago(3) } as const;

export function aWorld(more: Partial<SchedulerWorld> = {}): SchedulerWorld {
  return {
    tickets: [],
    builders: [],
    pools: [aPool('default')],
    quotas: new Map(),
    defaultQuota: undefined,
    suspended: new Set(),
    ...more,
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

/** A running stage: an assigned ticket and its Builder. */
export function running(...names: string[]): { tickets: BuilderTicket[]; builders: Builder[] } {
  const assigned = tickets(...names).map((ticket) => ({ ...ticket, status: ASSIGNED }));
  return { tickets: assigned, builders: assigned.map((ticket) => aBuilder(ticket, { phase: 'Running' })) };
}

/** Names of the tickets that get a builder, in the order in which they do. */
export function served(world: Partial<SchedulerWorld>): string[] {
  return schedule(aWorld(world), NOW).assign.map(({ ticket }) => ticket.metadata.name);
}
