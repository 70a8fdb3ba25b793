/** What a controller is made of: which kinds lead to its keys, and what is done for a key. */
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { RbacRule } from './rbac.ts';
import type { KubeObject, ResourceType } from './resource.ts';

export interface ReconcileContext {
  /** Aborts at the reconcile's deadline and when the process must end. */
  signal: AbortSignal;
  log: Logger;
  clock: Clock;
  reconcileID: string;
}

/** A wait is a value, not an error: the key comes back after that time, or earlier when something changes. */
// biome-ignore lint/suspicious/noConfusingVoidType: a reconcile that just ends is the normal case and returns nothing
export type ReconcileResult = void | { requeueAfterMs: number; reason: string };

export interface Watch {
  type: ResourceType<KubeObject>;
  map: (obj: KubeObject) => string[];
  predicate?: (old: KubeObject | undefined, now: KubeObject | undefined) => boolean;
  paceMs?: (old: KubeObject | undefined, now: KubeObject | undefined) => number;
  background?: (old: KubeObject | undefined, now: KubeObject | undefined) => boolean;
}

/** A watch whose callbacks know their object's type. */
export function watching<X extends KubeObject>(watch: {
  type: ResourceType<X>;
  /** Keys of the controller's own kind that depend on `obj`. Called for the old and the new state. */
  map: (obj: X) => string[];
  predicate?: (old: X | undefined, now: X | undefined) => boolean;
  /**
   * The change may wait until the key's last reconcile is so long ago, to be dealt with together with others that come
   * meanwhile; of a key that was quiet it is dealt with at once. For what only shows progress: a write for each step of
   * each of many parts is what the API server has most to do with. Default 0; a minute at most.
   */
  paceMs?: (old: X | undefined, now: X | undefined) => number;
  /**
   * Nobody waits for what follows from the change: it is dealt with behind everything else, one key at a time and with
   * rests. For what changes with every step of the others, for thousands at once.
   */
  background?: (old: X | undefined, now: X | undefined) => boolean;
}): Watch {
  return watch as unknown as Watch;
}

export interface ControllerOptions<T extends KubeObject> {
  /** Names its log lines, metrics and field manager. */
  name: string;
  for: ResourceType<T>;
  /** Which changes of the kind itself matter. Default: all. */
  forPredicate?: (old: T | undefined, now: T | undefined) => boolean;
  /** As of other kinds (`watching`). */
  forPaceMs?: (old: T | undefined, now: T | undefined) => number;
  /** Kinds whose objects lead to the object that is their controller owner, in the same namespace. */
  owns?: ResourceType<KubeObject>[];
  watches?: Watch[];
  /** Default 1. */
  workers?: number;
  /** Default 60 s. */
  deadlineMs?: number;
  reconcile: (key: string, ctx: ReconcileContext) => Promise<ReconcileResult>;
  /** What the controller may do; the chart's Roles are made of it. */
  rbac: RbacRule[];
}
