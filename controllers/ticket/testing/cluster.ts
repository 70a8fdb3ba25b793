import type { Builder } from '../../../crds/builder.ts';
import { isMachine } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { toTimestamp } from '../../../lib/clock.ts';
import { aBuilder, aTicket, NOW } from '../../testing/objects.ts';
import { bookOf } from '../book.ts';
import { claimFor } from '../builder.ts';
import type { Quota, SchedulerWorld } from '../world.ts';
import type { Plan } from './plan.ts';
import { planOf } from './plan.ts';
import { aMachine } from './worlds.ts';

/** A cluster in memory in which everybody else does what the scheduler relies on; time passes by ticks of one second. */
export class SimulatedCluster {
  readonly tickets = new Map<string, BuilderTicket>();
  /** Pods by the name of their ticket, machines by their own. */
  readonly builders = new Map<string, Builder>();
  pools: BuilderPool[];
  quotas = new Map<string, Quota>();
  namespaceQuotas = new Map<string, Quota>();
  defaultQuota: Quota | undefined;
  readonly suspended = new Set<string>();
  now = NOW;
  private serial = 0;
  private machines = 0;

  constructor(pools: BuilderPool[]) {
    this.pools = pools;
  }

  world(): SchedulerWorld {
    return {
      tickets: bookOf(this.tickets.values()),
      builders: [...this.builders.values()],
      pools: this.pools,
      quotas: this.quotas,
      namespaceQuotas: this.namespaceQuotas,
      defaultQuota: this.defaultQuota,
      suspended: this.suspended,
    };
  }

  arrive(owner: string, project: string, more: Partial<BuilderTicket['spec']> = {}): string {
    const name = `t${String(++this.serial).padStart(4, '0')}`;
    const spec = { owner, project, sandbox: `${owner}/${project}`, ...more };
    this.tickets.set(name, aTicket(name, spec, undefined, { creationTimestamp: toTimestamp(this.now) }));
    return name;
  }

  /** A machine begins to start. */
  makeMachine(pool: string, host?: string): string {
    const name = host === undefined ? `${pool}-${++this.machines}` : `${pool}-${host}-${++this.machines}`;
    const parts = { pool, status: { phase: 'Starting' as const }, ...(host === undefined ? {} : { host }) };
    this.builders.set(name, aMachine(name, parts));
    return name;
  }

  /** One scheduling cycle, carried out. */
  cycle(): Plan {
    const plan = planOf(this.world(), this.now);
    for (const { ticket, pool, machine } of plan.assign) {
      const { name } = ticket.metadata;
      if (machine === undefined) {
        if (this.builders.has(name)) throw new Error(`${name} was given a second builder`);
        this.builders.set(name, aBuilder(ticket, undefined, pool));
      } else this.claim(machine.metadata.name, ticket);
      this.tickets.set(name, { ...ticket, status: { phase: 'Assigned', pool, assignedAt: toTimestamp(this.now) } });
    }
    return plan;
  }

  /** As the API server does it: it refuses what a machine may never be. */
  private claim(name: string, ticket: BuilderTicket): void {
    const machine = this.builder(name);
    const { spec } = machine;
    if (spec.ticket !== undefined) throw new Error(`${name} already has ticket ${spec.ticket.name}`);
    const { sandbox } = ticket.spec;
    if (spec.sandbox !== undefined && spec.sandbox !== sandbox)
      throw new Error(`${name} is of sandbox ${spec.sandbox}`);
    this.builders.set(name, { ...machine, spec: { ...spec, ...claimFor(ticket) } });
  }

  start(name: string): void {
    this.setPhase(this.builderOf(name), 'Running');
  }

  /** The stage has ended: the ticket is closed; a pod is deleted, a machine has to be cleaned. */
  complete(name: string): void {
    const builder = this.builderOf(name);
    this.tickets.delete(name);
    if (this.builders.get(builder)?.spec.machine === undefined) this.builders.delete(builder);
    else this.setPhase(builder, 'Releasing');
  }

  /** The builder is lost and the stage takes another ticket for it. */
  lose(name: string): string {
    const { spec } = this.ticket(name);
    this.builders.delete(this.builderOf(name));
    this.tickets.delete(name);
    return this.arrive(spec.owner, spec.project ?? '', { ...spec, attempt: spec.attempt + 1 });
  }

  /** A machine is clean: its sandbox may use it again. */
  release(name: string): void {
    const { spec, ...rest } = this.builder(name);
    const { ticket: _ticket, chrootBuild: _chrootBuild, attempt: _attempt, ...free } = spec;
    this.builders.set(name, { ...rest, spec: free });
    this.setPhase(name, 'Ready');
  }

  ready(name: string): void {
    this.setPhase(name, 'Ready');
  }

  remove(name: string): void {
    this.builders.delete(name);
  }

  /** Tickets whose builder does not run yet, or does. */
  in(phase: 'Starting' | 'Running'): string[] {
    const isIn = ({ status }: Builder): boolean =>
      phase === 'Running' ? status?.phase === 'Running' : status === undefined || status.phase === 'Ready';
    return [...this.builders.values()]
      .filter((builder) => builder.spec.ticket !== undefined && isIn(builder))
      .map((builder) => builder.spec.ticket?.name ?? '');
  }

  /** Machines without a ticket, or those being cleaned, that are in this phase. */
  machinesIn(phase: 'Starting' | 'Ready' | 'Releasing'): string[] {
    return [...this.builders]
      .filter(([, builder]) => isMachine(builder) && builder.status?.phase === phase)
      .filter(([, { spec }]) => phase === 'Releasing' || spec.ticket === undefined)
      .map(([name]) => name);
  }

  ticket(name: string): BuilderTicket {
    const ticket = this.tickets.get(name);
    if (ticket === undefined) throw new Error(`there is no ticket ${name}`);
    return ticket;
  }

  private builder(name: string): Builder {
    const builder = this.builders.get(name);
    if (builder === undefined) throw new Error(`there is no builder ${name}`);
    return builder;
  }

  private builderOf(ticket: string): string {
    if (this.builders.has(ticket)) return ticket;
    for (const [name, { spec }] of this.builders) if (spec.ticket?.name === ticket) return name;
    throw new Error(`ticket ${ticket} has no builder`);
  }

  private setPhase(name: string, phase: 'Ready' | 'Running' | 'Releasing'): void {
    const builder = this.builder(name);
    this.builders.set(name, { ...builder, status: { ...builder.status, phase } });
  }
}
