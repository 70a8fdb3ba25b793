import type { Builder } from '../../crds/builder.ts';
import { Builders, claimOf, isMachine, stageClaimOf } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { Job } from '../../operator/core.ts';
import { Jobs, Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Installation } from '../builder/world.ts';
import { LABELS } from '../hook/names.ts';
import { builderName } from '../shared/names.ts';
import { stageCaches, stageOfClaim } from '../shared/stage.ts';
import type { MachineWorld } from './world.ts';

export interface Observer {
  observe(builder: Builder): MachineWorld;
  /** Jobs that were made for a machine of this name; those for machines that kopr never knew are not among them. */
  jobsOf(key: string): Job[];
  /** Keys of the machines that a ticket, or a pool, concerns. */
  ofTicket(key: string): string[];
  ofPool(key: string): string[];
}

/** Reads the caches. */
export function createObserver(manager: Manager, installation: Installation): Observer {
  const builders = manager.store(Builders);
  const pools = manager.store(BuilderPools);
  const tickets = manager.store(BuilderTickets);
  const stages = stageCaches(manager);
  const pods = manager.store(Pods);
  const jobs = manager.store(Jobs);
  manager.addIndex(Builders, 'machine-ticket', (builder) => {
    const { ticket } = builder.spec;
    return ticket === undefined || !isMachine(builder) ? [] : [`${ticket.namespace}/${ticket.name}`];
  });
  manager.addIndex(Builders, 'machine-pool', (builder) =>
    isMachine(builder) ? [`${builder.metadata.namespace}/${builder.spec.pool}`] : [],
  );
  manager.addIndex(Jobs, 'machine', ({ metadata }) => builderOf(metadata));
  manager.addIndex(Pods, 'machine-job', ({ metadata }) => {
    const uid = metadata.labels?.[LABELS.builderUID];
    return uid === undefined ? [] : [uid];
  });

  return {
    observe(builder) {
      const { namespace = '', uid = '' } = builder.metadata;
      const claim = claimOf(builder);
      const ticket = claim && tickets.get(`${claim.ticket.namespace}/${claim.ticket.name}`);
      const stageClaim = stageClaimOf(builder);
      const all = jobs.byIndex('machine', keyOf(builder));
      const served = claim?.ticket.uid ?? builder.status?.session?.ticket;
      return {
        builder,
        pool: pools.get(`${namespace}/${builder.spec.pool}`),
        claim,
        ticket: ticket?.metadata.uid === claim?.ticket.uid ? ticket : undefined,
        stage: stageClaim && { claim: stageClaim, ...stageOfClaim(stages, stageClaim) },
        pod: served === undefined ? undefined : pods.get(`${namespace}/${builderName(served)}`),
        jobs: all.filter(({ metadata }) => metadata.labels?.[LABELS.builderUID] === uid),
        jobPods: pods.byIndex('machine-job', uid),
        strangers: all.filter(({ metadata }) => metadata.labels?.[LABELS.builderUID] !== uid),
        installation,
        facts: {},
      };
    },
    jobsOf: (key) =>
      jobs.byIndex('machine', key).filter(({ metadata }) => metadata.labels?.[LABELS.builderUID] !== undefined),
    ofTicket: (key) => builders.byIndex('machine-ticket', key).map(keyOf),
    ofPool: (key) => builders.byIndex('machine-pool', key).map(keyOf),
  };
}

/** Key of the Builder that a Job or its pod is for. */
export function builderOf(metadata: { namespace?: string; annotations?: Record<string, string> }): string[] {
  const name = metadata.annotations?.[LABELS.builder];
  return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`];
}
