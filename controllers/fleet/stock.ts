import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { endOfUse, machineState } from '../shared/machines.ts';
import { pauseAfter } from '../shared/pause.ts';
import { isFailedStart } from '../shared/starts.ts';
import { byAge, isDraining } from './retire.ts';
import type { WaitingLine } from './world.ts';
import { POOL_FINALIZER } from './world.ts';

/** So much less a pool is liked for each start in a row that failed: as much as a tenth of the highest priority. */
const FAILURE_PENALTY = 100;

/** The machines of one pool during one cycle: what it has for those who wait, and what it may still make. */
export class Stock {
  readonly pool: BuilderPool;
  /** All that exist. */
  readonly machines: readonly Builder[];
  /** Never used and promised to nobody, the oldest first. */
  readonly free: Builder[];
  /** Starts in a row that failed. */
  readonly failures: number;
  /** Machines that are to be made because the pool keeps some ready. */
  kept = 0;
  /** Machines that are to be made for tickets. */
  grown = 0;
  /** The end of the pause after failures; the status may not tell of the last one yet. */
  readonly pausedUntil: number;
  /** The end of the delay after the last start, whatever became of it. */
  readonly delayedUntil: number;
  /** Priorities of the tags that it offers. */
  private readonly offers: Map<string, number>;
  /** Of those that are starting and those that are to be kept, how many are promised to nobody. */
  private coming: number;
  private readonly starting: number;
  /** Of provider `command`: machines that are being deleted or are about to be. Each makes room for another one. */
  private leaving: number;
  private readonly bound: Map<string, Builder[]>;
  private readonly now: number;

  /** @param going machines that are about to be removed */
  constructor(pool: BuilderPool, machines: readonly Builder[], going: ReadonlySet<Builder>, now: number) {
    this.pool = pool;
    this.machines = machines;
    this.now = now;
    const starting = machines.filter((builder) => machineState(builder) === 'Starting' && !going.has(builder));
    const free = machines.filter((builder) => machineState(builder) === 'Free' && !going.has(builder));
    this.starting = starting.length;
    const leaves = (builder: Builder): boolean => going.has(builder) || machineState(builder) === 'Deleting';
    this.leaving = pool.spec.command === undefined ? 0 : machines.filter(leaves).length;
    this.failures = pool.status?.consecutiveStartFailures ?? 0;
    this.pausedUntil = pausedUntil(pool, machines, now);
    this.delayedUntil = delayedUntil(pool, machines);
    this.offers = new Map(
      [...(pool.spec.tags ?? []), ...(pool.spec.onDemandTags ?? [])].map((tag) => [tag.name, tag.priority]),
    );
    this.bound = boundMachines(pool, machines, going, now);
    const bound = new Set([...this.bound.values()].flat());
    this.free = free.filter((builder) => !bound.has(builder)).sort(byAge);
    this.coming = starting.filter((builder) => !bound.has(builder)).length;
    const { preallocated, onDemandTags = [] } = pool.spec;
    if (pool.spec.command !== undefined && onDemandTags.length === 0) {
      this.kept = Math.max(0, Math.min(preallocated - free.length - starting.length, this.room()));
      this.coming += this.kept;
    }
  }

  /** How many more machines may be made now. */
  room(): number {
    const { pool } = this;
    return Math.max(0, Math.min(pool.spec.max - this.machines.length - this.making, this.startable()));
  }

  /** Those who wait for the room of a machine that is leaving need no other one to leave. Returns how many. */
  takeLeaving(wanted: number): number {
    const taken = Math.min(wanted, this.leaving);
    this.leaving -= taken;
    return taken;
  }

  /**
   * Machines of provider `command` that sandboxes keep although they ask for nothing, when the pool is full and could
   * start others instead; the one that has waited longest first.
   */
  idleMachines(): Builder[] {
    const { pool, machines } = this;
    if (machines.length + this.making < pool.spec.max) return [];
    const unpromised = new Set([...this.bound.values()].flat());
    return machines
      .filter((builder) => machineState(builder) === 'Reserved' && unpromised.has(builder))
      .sort((a, b) => releasedAt(a) - releasedAt(b) || byAge(a, b))
      .slice(0, this.startable());
  }

  private get making(): number {
    return this.kept + this.grown;
  }

  /** How many more machines may be started, if there is room for them. */
  private startable(): number {
    const { pool, now } = this;
    if (isDraining(pool) || pool.spec.command === undefined || this.pausedUntil > now) return 0;
    if (pool.metadata.finalizers?.includes(POOL_FINALIZER) !== true) return 0;
    const limits = [pool.spec.maxStarting - this.starting];
    if (pool.spec.startDelaySeconds > 0) limits.push(this.delayedUntil > now ? 0 : 1);
    // After a failure one alone shows whether the pool works again.
    if (this.failures > 0) limits.push(1 - this.starting);
    return Math.max(0, Math.min(...limits) - this.making);
  }

  serves({ architecture, tags, isStage }: WaitingLine): boolean {
    const { spec } = this.pool;
    if (isDraining(this.pool) || (isStage && spec.ssh === undefined)) return false;
    if (architecture !== 'noarch' && !spec.architectures.includes(architecture)) return false;
    return tags.every((tag) => this.offers.has(tag));
  }

  /**
   * Machines may be made for these tickets. Of a pool on demand for those alone that ask for what is on demand;
   * of any other too, whatever it keeps ready: Resalloc lets such tickets wait for what is preallocated, and for ever
   * when nothing is.
   */
  growsFor({ tags }: WaitingLine): boolean {
    const { onDemandTags = [] } = this.pool.spec;
    return onDemandTags.length === 0 || onDemandTags.some(({ name }) => tags.includes(name));
  }

  score({ tags }: WaitingLine): number {
    return tags.reduce((sum, tag) => sum + (this.offers.get(tag) ?? 0), 0) - FAILURE_PENALTY * this.failures;
  }

  /** Promises machines that only this sandbox can have. Returns how many. */
  takeBound(sandbox: string, wanted: number): number {
    return this.bound.get(sandbox)?.splice(0, wanted).length ?? 0;
  }

  takeFree(wanted: number): number {
    return this.free.splice(Math.max(0, this.free.length - wanted)).length;
  }

  takeComing(wanted: number): number {
    const taken = Math.min(wanted, this.coming);
    this.coming -= taken;
    return taken;
  }

  grow(wanted: number): number {
    const more = Math.min(wanted, this.room());
    this.grown += more;
    return more;
  }

  /** Hosts that a sandbox keeps for itself although it asks for nothing: the machines by which it does. */
  idleHosts(): Builder[][] {
    if (this.pool.spec.hosts === undefined) return [];
    const unpromised = new Set([...this.bound.values()].flat());
    const hosts = Map.groupBy(this.machines, ({ spec }) => spec.machine?.host ?? '');
    return [...hosts.values()]
      .filter((slots) => slots.every((slot) => isAtRest(slot) && (isClean(slot) || unpromised.has(slot))))
      .map((slots) => slots.filter((slot) => machineState(slot) === 'Reserved'))
      .filter((slots) => slots.length > 0);
  }
}

function pausedUntil({ status }: BuilderPool, machines: readonly Builder[], now: number): number {
  const told = status?.pausedUntil === undefined ? 0 : fromTimestamp(status.pausedUntil);
  const pause = pauseAfter(Math.max(1, status?.consecutiveStartFailures ?? 0));
  const own = machines.filter(isFailedStart).map((builder) => {
    const ended = builder.status?.endedAt;
    return (ended === undefined ? now : fromTimestamp(ended)) + pause;
  });
  return Math.max(told, ...own);
}

function delayedUntil({ spec, status }: BuilderPool, machines: readonly Builder[]): number {
  if (spec.startDelaySeconds === 0) return 0;
  const starts = [status?.statistics?.lastStartAt, ...machines.map(({ metadata }) => metadata.creationTimestamp)];
  const last = Math.max(0, ...starts.map((start) => (start === undefined ? 0 : fromTimestamp(start))));
  return last + spec.startDelaySeconds * 1000;
}

function releasedAt({ status }: Builder): number {
  return status?.releasedAt === undefined ? 0 : fromTimestamp(status.releasedAt);
}

function isAtRest(builder: Builder): boolean {
  return ['Free', 'Reserved', 'Starting'].includes(machineState(builder));
}

function isClean(builder: Builder): boolean {
  return builder.spec.sandbox === undefined;
}

/** Machines that one sandbox alone can have: it has used them, or another slot of their host. */
function boundMachines(
  pool: BuilderPool,
  machines: readonly Builder[],
  going: ReadonlySet<Builder>,
  now: number,
): Map<string, Builder[]> {
  const hosts = new Map<string, string>();
  for (const { spec } of machines) {
    if (spec.machine?.host !== undefined && spec.sandbox !== undefined) hosts.set(spec.machine.host, spec.sandbox);
  }
  const bound = new Map<string, Builder[]>();
  for (const builder of machines) {
    const sandbox = builder.spec.sandbox ?? hosts.get(builder.spec.machine?.host ?? '');
    if (sandbox === undefined || going.has(builder) || !willServe(pool, builder, now)) continue;
    const same = bound.get(sandbox);
    if (same === undefined) bound.set(sandbox, [builder]);
    else same.push(builder);
  }
  return bound;
}

function willServe(pool: BuilderPool, builder: Builder, now: number): boolean {
  switch (machineState(builder)) {
    case 'Free':
    case 'Starting':
      return true;
    case 'Reserved':
    case 'Releasing':
      return endOfUse(builder, pool, now) === undefined;
    case 'Running':
      // It was claimed a moment ago: its ticket may still be counted among those that wait.
      return builder.status?.phase === 'Ready';
    default:
      return false;
  }
}
