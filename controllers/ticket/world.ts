import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';

/** The snapshot that one scheduling cycle decides on. */
export interface SchedulerWorld {
  /** Every ticket that is not closed. */
  tickets: readonly BuilderTicket[];
  builders: readonly Builder[];
  pools: readonly BuilderPool[];
  /** Quota by owner; owners without one fall under the default. */
  quotas: ReadonlyMap<string, BuildQuota['spec']>;
  defaultQuota: BuildQuota['spec'] | undefined;
  /** `namespace/project` of suspended projects. */
  suspended: ReadonlySet<string>;
}

export interface Assignment {
  ticket: BuilderTicket;
  pool: string;
}

/** What a waiting ticket is told. */
export interface News {
  reason: string;
  message: string;
  /** Tickets that will be served before; known for the first ones only. */
  position: number | undefined;
}

export interface Waiting {
  ticket: BuilderTicket;
  news: News;
}

/** Waiting tickets that are told the same. */
export interface WaitingGroup {
  tickets: readonly BuilderTicket[];
  news: News;
}

/** Waiting tickets counted; several entries may be alike. */
export interface Pending {
  architecture: string;
  reason: string;
  count: number;
}

export interface Schedule {
  assign: Assignment[];
  /** Those that wait and know their position, in its order. */
  next: Waiting[];
  /** All others that wait: in groups, since a cycle must not make an object for each of 50,000. */
  rest: WaitingGroup[];
  /** Both, counted. */
  pending: Pending[];
  /** When a pool's pause ends, so that the next cycle is due then; milliseconds since the epoch. */
  wakeAt: number | undefined;
}

/** A builder that still takes up a place: its pod exists or will. */
export function isActive(builder: Builder): boolean {
  const phase = builder.status?.phase;
  return phase !== 'Ended' && phase !== 'Lost';
}
