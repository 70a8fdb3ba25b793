import type { Builder } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';
import type { Usage } from './queue.ts';
import type { SchedulerWorld } from './world.ts';
import { isActive } from './world.ts';

type Quota = BuildQuota['spec'];

/** Counts what runs, by everything that a quota can limit. */
export class RunningUsage implements Usage {
  private readonly counts = new Map<string, number>();
  private readonly world: SchedulerWorld;

  constructor(world: SchedulerWorld) {
    this.world = world;
    const tickets = new Map(world.tickets.map((ticket) => [ticket.metadata.uid, ticket]));
    for (const builder of world.builders) {
      if (!isActive(builder)) continue;
      const ticket = tickets.get(builder.spec.ticket.uid);
      if (ticket !== undefined) this.add(ticket);
      else this.addWithoutTicket(builder);
    }
  }

  add(ticket: BuilderTicket): void {
    const { owner, sandbox, architecture, tags } = ticket.spec;
    for (const key of [`owner ${owner}`, `sandbox ${sandbox}`, `arch ${owner} ${architecture}`]) this.bump(key);
    for (const tag of tags) this.bump(`tag ${owner} ${tag}`);
  }

  /** Its ticket is closed and it is being deleted, yet its place is still taken. */
  private addWithoutTicket(builder: Builder): void {
    const { sandbox, architecture } = builder.spec;
    const owner = sandbox.slice(0, Math.max(0, sandbox.indexOf('/')));
    for (const key of [`owner ${owner}`, `sandbox ${sandbox}`, `arch ${owner} ${architecture}`]) this.bump(key);
  }

  share(owner: string): number {
    return this.count(`owner ${owner}`) / (this.quota(owner)?.weight ?? 100);
  }

  sandbox(sandbox: string): number {
    return this.count(`sandbox ${sandbox}`);
  }

  quota(owner: string): Quota | undefined {
    return this.world.quotas.get(owner) ?? this.world.defaultQuota;
  }

  /** The sentence of the first limit that one more stage would exceed. */
  exceeded(ticket: BuilderTicket): string | undefined {
    const { owner, sandbox, architecture, tags } = ticket.spec;
    const quota = this.quota(owner);
    if (quota === undefined) return undefined;
    if (full(this.count(`owner ${owner}`), quota.maxRunning)) {
      return `owner ${owner} runs ${quota.maxRunning} stages, which is all its quota allows`;
    }
    if (full(this.count(`sandbox ${sandbox}`), quota.maxRunningPerSandbox)) {
      return `project ${sandbox} runs ${quota.maxRunningPerSandbox} stages, which is all the quota of its owner allows`;
    }
    const arch = quota.architectures?.find((entry) => entry.name === architecture);
    if (full(this.count(`arch ${owner} ${architecture}`), arch?.max)) {
      return `owner ${owner} runs ${arch?.max} stages on ${architecture}, which is all its quota allows`;
    }
    const tag = quota.tags?.find(
      (entry) => tags.includes(entry.name) && full(this.count(`tag ${owner} ${entry.name}`), entry.max),
    );
    return tag && `owner ${owner} runs ${tag.max} stages with tag ${tag.name}, which is all its quota allows`;
  }

  runningOf(owner: string): number {
    return this.count(`owner ${owner}`);
  }

  private count(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  private bump(key: string): void {
    this.counts.set(key, this.count(key) + 1);
  }
}

function full(count: number, max: number | undefined): boolean {
  return max !== undefined && count >= max;
}
