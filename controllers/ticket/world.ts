import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';
import type { TicketBook } from './book.ts';

export type Quota = BuildQuota['spec'];

/** The snapshot that one scheduling cycle decides on. */
export interface SchedulerWorld {
  /** Every ticket that is not closed. */
  tickets: TicketBook;
  builders: readonly Builder[];
  pools: readonly BuilderPool[];
  /** Quota by owner; owners without one fall under the default. */
  quotas: ReadonlyMap<string, Quota>;
  /** Quota by namespace, for what it says of the namespace itself; others fall under the default. */
  namespaceQuotas: ReadonlyMap<string, Quota>;
  defaultQuota: Quota | undefined;
  /** `namespace/project` of suspended projects. */
  suspended: ReadonlySet<string>;
}

/** A ticket and what serves it: a pod that is to be made, or one of the machines. */
export interface Assignment {
  ticket: BuilderTicket;
  pool: string;
  machine?: Builder;
}

/** A client of Resalloc whose machine is no more. */
export interface Failure {
  ticket: BuilderTicket;
  /** Name of the Builder. */
  machine: string;
}

/**
 * What a waiting ticket is told. Tickets that a quota holds back come behind all that wait for a place alone: their
 * position is how many will be served before, if nothing ends that the quota counts. Tickets that nothing will serve
 * until somebody acts (no pool, something is suspended) stand in nobody's way, and have none.
 */
export interface News {
  reason: string;
  message: string;
  /** Tickets that will be served before. */
  position: number | undefined;
  /** Seconds that it will wait. */
  estimatedSeconds: number | undefined;
}

export interface Waiting {
  ticket: BuilderTicket;
  news: News;
}
