import type { Builder } from '../../crds/builder.ts';
import { isMachine } from '../../crds/builder.ts';
import type { Line } from './book.ts';
import { bump, Counts } from './counts.ts';
import type { Exceeded, QuotaSource } from './limits.ts';
import { namespaceLimit, ownerLimit, sandboxLimit, totalLimit } from './limits.ts';
import { isLost } from './machines.ts';
import type { Usage } from './queue.ts';
import type { SchedulerWorld } from './world.ts';

/** What of a ticket or a line a limit may count. */
type Stage = Pick<Line, 'owner' | 'sandbox' | 'namespace'> & {
  wish: Pick<Line['wish'], 'architecture' | 'tags'>;
};

/** Counts what runs, by everything that a quota can limit. */
export class RunningUsage implements Usage {
  private readonly world: Pick<SchedulerWorld, 'quotas' | 'namespaceQuotas' | 'defaultQuota'>;
  private readonly owners = new Map<string, Counts>();
  private readonly sandboxes = new Map<string, number>();
  private readonly namespaces = new Map<string, number>();
  private readonly total = new Counts();
  private readonly sources = new Map<string, QuotaSource | undefined>();

  constructor(world: Pick<SchedulerWorld, 'builders' | 'tickets' | 'quotas' | 'namespaceQuotas' | 'defaultQuota'>) {
    this.world = world;
    for (const builder of world.builders) {
      if (isRunning(builder)) this.add(stageOf(builder, world.tickets));
    }
  }

  add({ owner, sandbox, namespace, wish: { architecture, tags } }: Stage): void {
    let counts = this.owners.get(owner);
    if (counts === undefined) {
      counts = new Counts();
      this.owners.set(owner, counts);
    }
    counts.add(architecture, tags);
    this.total.add(architecture, tags);
    bump(this.sandboxes, sandbox);
    bump(this.namespaces, namespace);
  }

  share(owner: string): number {
    const running = this.owners.get(owner)?.running ?? 0;
    return running === 0 ? 0 : running / this.weight(owner);
  }

  sandbox(sandbox: string): number {
    return this.sandboxes.get(sandbox) ?? 0;
  }

  weight(owner: string): number {
    return this.quotaOf(owner)?.quota.weight ?? 100;
  }

  /** The first limit that one more such stage would exceed. */
  exceeded({ owner, sandbox, namespace, wish: { architecture, tags } }: Stage): Exceeded | undefined {
    const mine = this.quotaOf(owner);
    const ofOwner =
      mine &&
      (ownerLimit(owner, mine, this.owners.get(owner), architecture, tags) ??
        sandboxLimit(sandbox, owner, mine, this.sandbox(sandbox)));
    if (ofOwner !== undefined) return ofOwner;
    const { defaultQuota, namespaceQuotas } = this.world;
    const own = namespaceQuotas.get(namespace);
    const quota = own ?? defaultQuota;
    const ofNamespace =
      quota && namespaceLimit(namespace, { quota, isDefault: own === undefined }, this.namespaces.get(namespace) ?? 0);
    if (ofNamespace !== undefined) return ofNamespace;
    return defaultQuota?.total && totalLimit(defaultQuota.total, this.total, architecture, tags);
  }

  private quotaOf(owner: string): QuotaSource | undefined {
    const known = this.sources.get(owner);
    if (known !== undefined) return known;
    const own = this.world.quotas.get(owner);
    const quota = own ?? this.world.defaultQuota;
    const source = quota && { quota, isDefault: own === undefined };
    this.sources.set(owner, source);
    return source;
  }
}

/** It still takes up a place of its pool: its pod exists or will. */
export function isActive(builder: Builder): boolean {
  const phase = builder.status?.phase;
  return phase !== 'Ended' && phase !== 'Lost';
}

/** A pod counts until it is gone; a machine that is being cleaned, or is no more, runs nothing. */
function isRunning(builder: Builder): boolean {
  if (!isMachine(builder)) return isActive(builder);
  return builder.spec.ticket !== undefined && !isLost(builder) && builder.status?.phase !== 'Releasing';
}

/** Of a Builder whose ticket is closed, as much as it knows itself: its stage runs until it is gone. */
function stageOf({ spec }: Builder, tickets: SchedulerWorld['tickets']): Stage {
  const ticket = tickets.get(spec.ticket?.uid ?? '');
  const { sandbox = '', architecture } = spec;
  if (ticket !== undefined) {
    const { owner, tags, architecture: asked } = ticket.spec;
    const namespace = ticket.metadata.namespace ?? '';
    return { owner, sandbox: ticket.spec.sandbox, namespace, wish: { architecture: asked, tags } };
  }
  const owner = sandbox.slice(0, Math.max(0, sandbox.indexOf('/')));
  return { owner, sandbox, namespace: spec.ticket?.namespace ?? '', wish: { architecture, tags: [] } };
}
