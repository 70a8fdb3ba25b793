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
    const active = new Map(world.builders.filter(isActive).map((builder) => [builder.spec.ticket.uid, builder]));
    for (const ticket of world.tickets) {
      if (active.delete(ticket.metadata.uid ?? '')) this.add(ticket);
    }
    for (const builder of active.values()) this.addWithoutTicket(builder);
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
    return this.count(`owner ${owner}`) / this.weight(owner);
  }

  sandbox(sandbox: string): number {
    return this.count(`sandbox ${sandbox}`);
  }

  weight(owner: string): number {
    return this.quota(owner)?.weight ?? 100;
  }

  private quota(owner: string): Quota | undefined {
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

  private count(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  private bump(key: string): void {
    this.counts.set(key, this.count(key) + 1);
  }
}

/** What the usage would be if tickets were served one by one: for positions, not for decisions. */
export class Forecast implements Usage {
  private readonly usage: RunningUsage;
  private readonly owners = new Map<string, number>();
  private readonly sandboxes = new Map<string, number>();

  constructor(usage: RunningUsage) {
    this.usage = usage;
  }

  add({ spec: { owner, sandbox } }: BuilderTicket): void {
    this.owners.set(owner, (this.owners.get(owner) ?? 0) + 1);
    this.sandboxes.set(sandbox, (this.sandboxes.get(sandbox) ?? 0) + 1);
  }

  share(owner: string): number {
    return this.usage.share(owner) + (this.owners.get(owner) ?? 0) / this.usage.weight(owner);
  }

  sandbox(sandbox: string): number {
    return this.usage.sandbox(sandbox) + (this.sandboxes.get(sandbox) ?? 0);
  }
}

function full(count: number, max: number | undefined): boolean {
  return max !== undefined && count >= max;
}
