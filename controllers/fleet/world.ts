import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';

/** Waiting tickets that any machine could serve alike. */
export interface WaitingLine {
  architecture: string;
  tags: readonly string[];
  sandbox: string;
  /** Of builds: the machine must be one that is reached over SSH. The others are of clients of Resalloc. */
  isStage: boolean;
  /** Those that the scheduler has told that they wait for a builder: machines are made for them. */
  told: number;
  /** Those that it has told nothing yet. They may be served at once, so that no machine is removed under them. */
  fresh: number;
}

/** The snapshot that one cycle decides on. */
export interface FleetWorld {
  pools: readonly BuilderPool[];
  /** Pods too: their names are taken. */
  builders: readonly Builder[];
  waiting: readonly WaitingLine[];
}

export interface Creation {
  pool: BuilderPool;
  builder: Builder;
  /** What it is for. */
  message: string;
}

export interface Removal {
  builder: Builder;
  reason: string;
  message: string;
  /** Only as it was seen: the scheduler may have given it away meanwhile. */
  asSeen: boolean;
}

export interface FleetPlan {
  /** Of one pool in the order of their numbers: one is made only after the one before it. */
  create: Creation[];
  remove: Removal[];
  /** Pools whose `machinesMade` is behind what is seen of them. */
  made: { pool: BuilderPool; number: number }[];
  /** Pools that need the finalizer. Nothing is made for them before they have it. */
  hold: BuilderPool[];
  /** Pools that are being deleted and have no machine left. */
  letGo: BuilderPool[];
  /** When time alone changes the plan; milliseconds since the epoch. */
  wakeAt: number | undefined;
}

/** Of a BuilderPool of machines: it is gone when they are. */
export const POOL_FINALIZER = 'kopr.dev/builders';
