import type { Builder } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';
import { getOr } from './lines.ts';
import type { Usage } from './queue.ts';
import type { SchedulerWorld } from './world.ts';
import { isActive } from './world.ts';

type Quota = BuildQuota['spec'];

interface OwnerCounts {
  running: number;
  architectures: Map<string, number>;
  tags: Map<string, number>;
}

/** Counts what runs, by everything that a quota can limit. */
export class RunningUsage implements Usage {
  private readonly owners = new Map<string, OwnerCounts>();
  private readonly sandboxes = new Map<string, number>();
  private readonly world: Pick<SchedulerWorld, 'quotas' | 'defaultQuota'>;

  /** `tickets` are at least those of the builders that are open. */
  constructor(world: Pick<SchedulerWorld, 'builders' | 'quotas' | 'defaultQuota'>, tickets: readonly BuilderTicket[]) {
    this.world = world;
    const active = new Map(world.builders.filter(isActive).map((builder) => [builder.spec.ticket?.uid ?? '', builder]));
    for (const ticket of tickets) {
      if (active.delete(ticket.metadata.uid ?? '')) this.add(ticket);
    }
    for (const builder of active.values()) this.addWithoutTicket(builder);
  }

  add({ spec: { owner, sandbox, architecture, tags } }: BuilderTicket): void {
    this.count(owner, sandbox, architecture, tags);
  }

  /** Its ticket is closed and it is being deleted, yet its place is still taken. */
  private addWithoutTicket({ spec: { sandbox = '', architecture } }: Builder): void {
    this.count(sandbox.slice(0, Math.max(0, sandbox.indexOf('/'))), sandbox, architecture, []);
  }

  share(owner: string): number {
    return (this.owners.get(owner)?.running ?? 0) / this.weight(owner);
  }

  sandbox(sandbox: string): number {
    return this.sandboxes.get(sandbox) ?? 0;
  }

  weight(owner: string): number {
    return this.quota(owner)?.weight ?? 100;
  }

  /** The sentence of the first limit that one more stage would exceed. */
  exceeded(ticket: BuilderTicket): string | undefined {
    const { owner, sandbox, architecture, tags } = ticket.spec;
    const quota = this.quota(owner);
    if (quota === undefined) return undefined;
    const counts = this.owners.get(owner);
    if (full(counts?.running, quota.maxRunning)) {
      return `owner ${owner} runs ${quota.maxRunning} stages, which is all its quota allows`;
    }
    if (full(this.sandboxes.get(sandbox), quota.maxRunningPerSandbox)) {
      return `project ${sandbox} runs ${quota.maxRunningPerSandbox} stages, which is all the quota of its owner allows`;
    }
    const arch = quota.architectures?.find((entry) => entry.name === architecture);
    if (full(counts?.architectures.get(architecture), arch?.max)) {
      return `owner ${owner} runs ${arch?.max} stages on ${architecture}, which is all its quota allows`;
    }
    const tag = quota.tags?.find((entry) => tags.includes(entry.name) && full(counts?.tags.get(entry.name), entry.max));
    return tag && `owner ${owner} runs ${tag.max} stages with tag ${tag.name}, which is all its quota allows`;
  }

  private quota(owner: string): Quota | undefined {
    return this.world.quotas.get(owner) ?? this.world.defaultQuota;
  }

  private count(owner: string, sandbox: string, architecture: string, tags: readonly string[]): void {
    const counts = getOr(this.owners, owner, () => ({ running: 0, architectures: new Map(), tags: new Map() }));
    counts.running++;
    bump(counts.architectures, architecture);
    for (const tag of tags) bump(counts.tags, tag);
    bump(this.sandboxes, sandbox);
  }
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
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
    bump(this.owners, owner);
    bump(this.sandboxes, sandbox);
  }

  share(owner: string): number {
    return this.usage.share(owner) + (this.owners.get(owner) ?? 0) / this.usage.weight(owner);
  }

  sandbox(sandbox: string): number {
    return this.usage.sandbox(sandbox) + (this.sandboxes.get(sandbox) ?? 0);
  }
}

function full(count: number | undefined, max: number | undefined): boolean {
  return max !== undefined && (count ?? 0) >= max;
}
