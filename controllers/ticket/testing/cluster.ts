import type { Builder } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import type { BuildQuota } from '../../../crds/buildquota.ts';
import { toTimestamp } from '../../../lib/clock.ts';
import { aBuilder, aTicket, NOW } from '../../testing/objects.ts';
import { schedule } from '../schedule.ts';
import type { News, Schedule, SchedulerWorld } from '../world.ts';

/** A cluster in memory in which everybody else does what the scheduler relies on; time passes by ticks of one second. */
export class SimulatedCluster {
  readonly tickets = new Map<string, BuilderTicket>();
  readonly builders = new Map<string, Builder>();
  pools: BuilderPool[];
  quotas = new Map<string, BuildQuota['spec']>();
  defaultQuota: BuildQuota['spec'] | undefined;
  readonly suspended = new Set<string>();
  now = NOW;
  private serial = 0;

  constructor(pools: BuilderPool[]) {
    this.pools = pools;
  }

  world(): SchedulerWorld {
    return {
      tickets: [...this.tickets.values()],
      builders: [...this.builders.values()],
      pools: this.pools,
      quotas: this.quotas,
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

  /** One scheduling cycle, carried out. */
  cycle(): Schedule {
    const plan = schedule(this.world(), this.now);
    for (const { ticket, pool } of plan.assign) {
      const { name } = ticket.metadata;
      if (this.builders.has(name)) throw new Error(`${name} was given a second builder`);
      this.builders.set(name, aBuilder(ticket, undefined, pool));
      this.tickets.set(name, { ...ticket, status: { phase: 'Assigned', pool, assignedAt: toTimestamp(this.now) } });
    }
    return plan;
  }

  start(name: string): void {
    this.setPhase(name, 'Running');
  }

  /** The stage has ended: the ticket is closed and the builder deleted. */
  complete(name: string): void {
    this.tickets.delete(name);
    this.builders.delete(name);
  }

  /** The builder is lost and the stage takes another ticket for it. */
  lose(name: string): string {
    const { spec } = this.ticket(name);
    this.complete(name);
    return this.arrive(spec.owner, spec.project ?? '', { ...spec, attempt: spec.attempt + 1 });
  }

  in(phase: 'Starting' | 'Running'): string[] {
    const wanted = phase === 'Starting' ? undefined : phase;
    return [...this.builders].filter(([, builder]) => builder.status?.phase === wanted).map(([name]) => name);
  }

  ticket(name: string): BuilderTicket {
    const ticket = this.tickets.get(name);
    if (ticket === undefined) throw new Error(`there is no ticket ${name}`);
    return ticket;
  }

  private setPhase(name: string, phase: 'Running'): void {
    const builder = this.builders.get(name);
    if (builder !== undefined) this.builders.set(name, { ...builder, status: { ...builder.status, phase } });
  }
}

/** Every waiting ticket with what it is told, those with a position first. */
export function waitingOf({ next, rest }: Schedule): ({ ticket: BuilderTicket } & News)[] {
  const others = rest.flatMap(({ tickets, news }) => tickets.map((ticket) => ({ ticket, ...news })));
  return [...next.map(({ ticket, news }) => ({ ticket, ...news })), ...others];
}
