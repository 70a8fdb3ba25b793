import type { Builder } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts';
import { poolStatus } from '../../pool/plan.ts';
import { Tally } from '../../pool/tally.ts';
import { endOfUse, machineState } from '../../shared/machines.ts';
import { aTicket, NOW } from '../../testing/objects.ts';
import type { Random } from '../../ticket/testing/random.ts';
import { planFleet } from '../plan.ts';
import { WaitingTickets } from '../waiting.ts';
import type { FleetPlan, FleetWorld } from '../world.ts';

const TICK_MS = 5_000;

export interface Chances {
  /** Of a start to fail, by pool. */
  fails: (pool: string) => number;
  /** Of a deletion to fail, and to be tried again. */
  staysUndeleted: number;
  /** Of a cycle to be planned by another leader too, on what it saw a tick ago. */
  staleLeader: number;
}

/** A cloud in memory in which everybody else does what the fleet relies on; time passes by ticks of five seconds. */
export class SimulatedDay {
  readonly machines = new Map<string, Builder>();
  readonly tickets = new Map<string, BuilderTicket>();
  /** Names of all machines that were ever made. */
  readonly everMade: string[] = [];
  readonly served: string[] = [];
  /** What is wrong, should anything be. */
  readonly violations: string[] = [];
  pools: BuilderPool[];
  now = NOW;
  private before: FleetWorld | undefined;
  private readonly tally = new Tally();
  private serial = 0;
  private readonly random: Random;
  private readonly chances: Chances;

  constructor(pools: BuilderPool[], random: Random, chances: Chances) {
    this.pools = pools;
    this.random = random;
    this.chances = chances;
  }

  arrive(owner: string, tags: string[]): void {
    const name = `t${++this.serial}`;
    this.tickets.set(name, aTicket(name, { owner, sandbox: `${owner}/hello`, tags }));
  }

  /** Everybody does what there is to do, then the fleet plans. */
  tick(): FleetPlan {
    this.now += TICK_MS;
    for (const machine of this.machines.values()) this.live(machine);
    this.scheduleTickets();
    this.observePools();
    const world = this.world();
    if (this.before !== undefined && this.random.next() < this.chances.staleLeader) {
      this.carryOut(planFleet(this.before, this.now));
    }
    const plan = planFleet(world, this.now);
    for (const { pool } of plan.create) {
      if (fromTimestamp(pool.status?.pausedUntil ?? toTimestamp(0)) > this.now) {
        this.violations.push(`${pool.metadata.name} starts a machine while it pauses`);
      }
    }
    this.carryOut(plan);
    this.before = world;
    this.check();
    return plan;
  }

  deletePools(): void {
    const deletionTimestamp = toTimestamp(this.now);
    this.pools = this.pools.map((pool) => ({ ...pool, metadata: { ...pool.metadata, deletionTimestamp } }));
  }

  private world(): FleetWorld {
    const waiting = new WaitingTickets();
    for (const [name, ticket] of this.tickets) waiting.see(name, ticket);
    return { pools: this.pools, builders: [...this.machines.values()], waiting: structuredClone([...waiting.all()]) };
  }

  private carryOut(plan: FleetPlan): void {
    for (const { pool, number } of plan.made) this.patchPool(pool.metadata.name, { machinesMade: number });
    for (const { builder, asSeen } of plan.remove) {
      const current = this.machines.get(builder.metadata.name);
      if (current?.metadata.uid !== builder.metadata.uid || (asSeen && current !== builder)) continue;
      if (current !== undefined) this.markDeleted(current);
    }
    for (const { builder } of plan.create) {
      const { name } = builder.metadata;
      if (this.machines.has(name)) continue;
      if (this.everMade.includes(name)) this.violations.push(`${name} was made twice`);
      this.everMade.push(name);
      const metadata = { ...builder.metadata, uid: `uid-${name}`, creationTimestamp: toTimestamp(this.now) };
      this.machines.set(name, { ...builder, metadata });
    }
    for (const { metadata } of plan.letGo) {
      this.pools = this.pools.filter((pool) => pool.metadata.name !== metadata.name);
    }
  }

  private markDeleted(machine: Builder): void {
    const metadata = { ...machine.metadata, deletionTimestamp: toTimestamp(this.now) };
    this.machines.set(metadata.name, { ...machine, metadata });
  }

  /** One step of the controller of machines, and of the builds on them. */
  private live(machine: Builder): void {
    const { name } = machine.metadata;
    const dice = this.random.next();
    const now = toTimestamp(this.now);
    switch (machineState(machine)) {
      case 'Starting':
        // A start takes a while, in which somebody may think better of it.
        if (machine.metadata.creationTimestamp === toTimestamp(this.now - TICK_MS)) return;
        if (dice < this.chances.fails(machine.spec.pool)) {
          this.tell(machine, { phase: 'Lost', reason: 'StartFailed', message: 'no capacity', endedAt: now });
        } else if (dice < 0.7) this.tell(machine, { phase: 'Ready', startedAt: now });
        return;
      case 'Running':
        if (dice < 0.3) this.release(machine);
        return;
      case 'Releasing':
        if (dice < 0.1) this.tell(machine, { phase: 'Lost', reason: 'ReleaseFailed' });
        else this.tell(machine, { phase: 'Ready' });
        return;
      case 'Deleting':
        if (dice < this.chances.staysUndeleted) return;
        this.machines.delete(name);
        return;
      default:
    }
  }

  private release(machine: Builder): void {
    const { ticket, ...spec } = machine.spec;
    if (ticket !== undefined) {
      this.tickets.delete(ticket.name);
      this.served.push(ticket.name);
    }
    const uses = (machine.status?.uses ?? 0) + 1;
    const status = { phase: 'Releasing' as const, uses, releasedAt: toTimestamp(this.now) };
    this.machines.set(machine.metadata.name, { ...machine, spec, status: { ...machine.status, ...status } });
  }

  private tell(machine: Builder, status: NonNullable<Builder['status']>): void {
    this.machines.set(machine.metadata.name, { ...machine, status: { ...machine.status, ...status } });
  }

  private scheduleTickets(): void {
    for (const [name, ticket] of this.tickets) {
      if (ticket.status?.phase === 'Assigned') continue;
      const machine = [...this.machines.values()].find((each) => this.fits(each, ticket));
      if (machine === undefined) {
        this.tickets.set(name, { ...ticket, status: { phase: 'Waiting', reason: 'PoolFull' } });
        continue;
      }
      const uid = ticket.metadata.uid ?? '';
      const spec = { ...machine.spec, ticket: { namespace: 'demo', name, uid }, sandbox: ticket.spec.sandbox };
      const status = { assignedAt: toTimestamp(this.now), ...machine.status, phase: 'Running' as const };
      this.machines.set(machine.metadata.name, { ...machine, spec, status });
      this.tickets.set(name, { ...ticket, status: { phase: 'Assigned' } });
    }
  }

  private fits(machine: Builder, { spec }: BuilderTicket): boolean {
    const pool = this.pools.find(({ metadata }) => metadata.name === machine.spec.pool);
    const state = machineState(machine);
    if (pool === undefined || pool.spec.suspend || (state !== 'Free' && state !== 'Reserved')) return false;
    if (state === 'Reserved' && endOfUse(machine, pool, this.now) !== undefined) return false;
    const offered = [...(pool.spec.tags ?? []), ...(pool.spec.onDemandTags ?? [])].map(({ name }) => name);
    const isOurs = machine.spec.sandbox === undefined || machine.spec.sandbox === spec.sandbox;
    return isOurs && spec.tags.every((tag) => offered.includes(tag));
  }

  private observePools(): void {
    for (const pool of this.pools) {
      const { name } = pool.metadata;
      const builders = [...this.machines.values()].filter(({ spec }) => spec.pool === name);
      for (const builder of builders) this.tally.see(name, builder);
      const events = this.tally.open(name, pool.status?.statistics?.counted);
      this.patchPool(name, poolStatus({ pool, builders, events, ownerOf: () => undefined }, this.now));
      this.tally.close(name, events);
    }
  }

  private patchPool(name: string, status: NonNullable<BuilderPool['status']>): void {
    this.pools = this.pools.map((pool) => {
      if (pool.metadata.name !== name) return pool;
      const machinesMade = status.machinesMade ?? pool.status?.machinesMade;
      const kept = status.machinesMade === undefined ? status : pool.status;
      return { ...pool, status: { ...kept, ...(machinesMade === undefined ? {} : { machinesMade }) } };
    });
  }

  private check(): void {
    for (const { metadata, spec } of this.pools) {
      const own = [...this.machines.values()].filter((machine) => machine.spec.pool === metadata.name);
      const starting = own.filter((machine) => machineState(machine) === 'Starting').length;
      if (own.length > spec.max) this.violations.push(`${metadata.name} has ${own.length} of ${spec.max}`);
      if (starting > spec.maxStarting) this.violations.push(`${metadata.name} starts ${starting} at a time`);
    }
    const inService = [...this.machines.values()].filter((machine) =>
      ['Free', 'Reserved', 'Running', 'Releasing'].includes(machineState(machine)),
    );
    const indexes = inService.map(({ spec }) => `${spec.pool} ${spec.machine?.index}`);
    if (new Set(indexes).size !== indexes.length) this.violations.push('an index was given twice');
    const addresses = inService.flatMap(({ spec }) => spec.machine?.counters?.address ?? []);
    if (new Set(addresses).size !== addresses.length) this.violations.push('a counter was given twice');
  }
}
