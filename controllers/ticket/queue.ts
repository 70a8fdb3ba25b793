import type { BuilderTicket } from '../../crds/builderticket.ts';

/**
 * The order in which waiting tickets are offered a builder: priority first; among equals the owner with the smallest
 * share of running stages (relative to its weight); of that owner the sandbox with the fewest; in it the oldest ticket.
 * Taking a ticket counts at once, so a burst of free builders is dealt out fairly too.
 */
export class FairQueue {
  private readonly levels: Level[];
  private readonly usage: Usage;

  constructor(tickets: readonly BuilderTicket[], usage: Usage) {
    this.usage = usage;
    const levels = new Map<number, Map<string, Map<string, BuilderTicket[]>>>();
    for (const ticket of [...tickets].sort(byAge)) {
      const owners = getOr(levels, ticket.spec.priority, () => new Map<string, Map<string, BuilderTicket[]>>());
      const sandboxes = getOr(owners, ticket.spec.owner, () => new Map<string, BuilderTicket[]>());
      getOr(sandboxes, ticket.spec.sandbox, () => [] as BuilderTicket[]).push(ticket);
    }
    this.levels = [...levels.entries()]
      .sort(([a], [b]) => b - a)
      .map(([, owners]) => ({
        owners: [...owners].map(([owner, sandboxes]) => ({
          owner,
          sandboxes: [...sandboxes].map(([sandbox, queue]) => ({ sandbox, queue, next: 0 })),
        })),
      }));
  }

  /** Takes the next ticket off the queue, or undefined when none is left. */
  take(): BuilderTicket | undefined {
    for (;;) {
      const level = this.levels[0];
      if (level === undefined) return undefined;
      const owner = least(level.owners, (o) => this.usage.share(o.owner), headOfOwner);
      const line = owner && least(owner.sandboxes, (s) => this.usage.sandbox(s.sandbox), headOfLine);
      const ticket = line?.queue[line.next];
      if (owner === undefined || line === undefined || ticket === undefined) {
        this.levels.shift();
        continue;
      }
      line.next++;
      if (line.next === line.queue.length) owner.sandboxes.splice(owner.sandboxes.indexOf(line), 1);
      if (owner.sandboxes.length === 0) level.owners.splice(level.owners.indexOf(owner), 1);
      return ticket;
    }
  }
}

/** Running stages, as far as the order depends on them. */
export interface Usage {
  /** Running stages of an owner divided by its weight. */
  share(owner: string): number;
  sandbox(sandbox: string): number;
}

interface Line {
  sandbox: string;
  queue: BuilderTicket[];
  next: number;
}
interface OwnerLines {
  owner: string;
  sandboxes: Line[];
}
interface Level {
  owners: OwnerLines[];
}

function least<T>(
  list: readonly T[],
  cost: (item: T) => number,
  head: (item: T) => BuilderTicket | undefined,
): T | undefined {
  let best: T | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const item of list) {
    const itemCost = cost(item);
    if (itemCost < bestCost) {
      best = item;
      bestCost = itemCost;
    } else if (itemCost === bestCost && best !== undefined) {
      const [a, b] = [head(item), head(best)];
      if (a !== undefined && b !== undefined && byAge(a, b) < 0) best = item;
    }
  }
  return best;
}

function headOfLine(line: Line): BuilderTicket | undefined {
  return line.queue[line.next];
}

function headOfOwner(owner: OwnerLines): BuilderTicket | undefined {
  let oldest: BuilderTicket | undefined;
  for (const line of owner.sandboxes) {
    const head = headOfLine(line);
    if (head !== undefined && (oldest === undefined || byAge(head, oldest) < 0)) oldest = head;
  }
  return oldest;
}

/** Timestamps have whole seconds; names decide between tickets of one second, so that the order is always the same. */
export function byAge(a: BuilderTicket, b: BuilderTicket): number {
  const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (x !== y) return x < y ? -1 : 1;
  const [n, m] = [`${a.metadata.namespace}/${a.metadata.name}`, `${b.metadata.namespace}/${b.metadata.name}`];
  return n < m ? -1 : n > m ? 1 : 0;
}

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
