import type { BuilderTicket } from '../../crds/builderticket.ts';
import { byAge } from './age.ts';
import type { Line } from './book.ts';
import { Heap } from './heap.ts';

/** Running stages, as far as the order depends on them: they change only for the line whose turn it is. */
export interface Usage {
  /** Running stages of an owner divided by its weight. */
  share(owner: string): number;
  sandbox(sandbox: string): number;
}

const NONE: ReadonlySet<string> = new Set();

/** What of a line is left during one cycle, which leaves the line itself as it is. */
export class Rest {
  readonly line: Line;
  private readonly without: ReadonlySet<string>;
  private tickets: readonly BuilderTicket[];
  private stamps: readonly number[];
  private index = 0;

  /** @param without uids of tickets that are to be passed over */
  constructor(line: Line, without: ReadonlySet<string> = NONE) {
    this.line = line;
    this.tickets = line.tickets;
    this.stamps = line.stamps;
    this.without = without;
    this.pass();
  }

  /** From now on the line may change, and what is left of it here stays. */
  keep(): void {
    this.tickets = this.tickets.slice(this.index);
    this.stamps = this.stamps.slice(this.index);
    this.index = 0;
  }

  /** The oldest ticket that is left. */
  get head(): BuilderTicket | undefined {
    return this.tickets[this.index];
  }

  /** When that ticket came. */
  get stamp(): number {
    return this.stamps[this.index] ?? 0;
  }

  take(): BuilderTicket | undefined {
    const { head } = this;
    this.index++;
    this.pass();
    return head;
  }

  private pass(): void {
    if (this.without.size === 0) return;
    while (this.without.has(this.head?.metadata.uid ?? '')) this.index++;
  }
}

interface Candidate {
  name: string;
  /** The lesser goes first. */
  cost: number;
  /** Its next line: the oldest ticket decides between equal costs. */
  first: Rest | undefined;
  /** Of that ticket. */
  stamp: number;
}
interface Sandbox extends Candidate {
  rests: Rest[];
}
interface Owner extends Candidate {
  sandboxes: Heap<Sandbox>;
}

/**
 * Gives lines their turns: priority first; among equals the owner with the smallest share of running stages (relative
 * to its weight); of that owner the sandbox with the fewest; in it the oldest ticket. Being served counts at once, so
 * a burst of free builders is dealt out fairly too. Ends when every line is empty or blocked.
 */
export class Dealer {
  private readonly usage: Usage;
  /** Not yet begun with; the highest priority last. */
  private readonly levels: Rest[][];
  private owners: Heap<Owner> | undefined;
  private turn: { owner: Owner; sandbox: Sandbox; rest: Rest } | undefined;

  constructor(rests: Iterable<Rest>, usage: Usage) {
    this.usage = usage;
    const levels = new Map<number, Rest[]>();
    for (const rest of rests) {
      if (rest.head === undefined) continue;
      const level = levels.get(rest.line.priority);
      if (level === undefined) levels.set(rest.line.priority, [rest]);
      else level.push(rest);
    }
    this.levels = [...levels].sort(([a], [b]) => a - b).map(([, level]) => level);
  }

  /** The line whose turn it is. It is taken from (and the usage grows), or blocked, before the next call. */
  next(): Rest | undefined {
    if (this.turn !== undefined) this.settle(this.turn);
    for (;;) {
      const owner = this.owners?.least;
      const sandbox = owner?.sandboxes.least;
      const rest = sandbox?.first;
      if (owner !== undefined && sandbox !== undefined && rest !== undefined) {
        this.turn = { owner, sandbox, rest };
        return rest;
      }
      const level = this.levels.pop();
      if (level === undefined) return undefined;
      this.owners = group(level, this.usage);
    }
  }

  /** Nothing more of the line whose turn it is. */
  block(): void {
    const { turn } = this;
    if (turn !== undefined) remove(turn.sandbox.rests, turn.rest);
  }

  private settle({ owner, sandbox, rest }: { owner: Owner; sandbox: Sandbox; rest: Rest }): void {
    this.turn = undefined;
    if (rest.head === undefined) remove(sandbox.rests, rest);
    if (sandbox.rests.length === 0) owner.sandboxes.removeLeast();
    else {
      sandbox.cost = this.usage.sandbox(sandbox.name);
      point(sandbox, oldest(sandbox.rests));
      owner.sandboxes.settle();
    }
    if (owner.sandboxes.size === 0) {
      this.owners?.removeLeast();
      return;
    }
    owner.cost = this.usage.share(owner.name);
    // Which of its sandboxes has the oldest ticket would cost a search: the one that is next stands for all of them.
    point(owner, owner.sandboxes.least?.first);
    this.owners?.settle();
  }
}

function group(rests: readonly Rest[], usage: Usage): Heap<Owner> {
  const owners = new Map<string, Map<string, Rest[]>>();
  for (const rest of rests) {
    const { owner, sandbox } = rest.line;
    let sandboxes = owners.get(owner);
    if (sandboxes === undefined) {
      sandboxes = new Map();
      owners.set(owner, sandboxes);
    }
    const own = sandboxes.get(sandbox);
    if (own === undefined) sandboxes.set(sandbox, [rest]);
    else own.push(rest);
  }
  const grouped: Owner[] = [];
  for (const [name, entries] of owners) {
    const list: Sandbox[] = [];
    for (const [sandbox, own] of entries) {
      const first = oldest(own);
      list.push({ name: sandbox, cost: usage.sandbox(sandbox), first, stamp: first?.stamp ?? 0, rests: own });
    }
    const sandboxes = new Heap(list, isBefore);
    const first = sandboxes.least?.first;
    grouped.push({ name, cost: usage.share(name), first, stamp: first?.stamp ?? 0, sandboxes });
  }
  return new Heap(grouped, isBefore);
}

function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.cost !== b.cost) return a.cost < b.cost;
  if (a.stamp !== b.stamp) return a.stamp < b.stamp;
  return isOlder(a.first, b.first);
}

/** Between tickets of one second. */
function isOlder(a: Rest | undefined, b: Rest | undefined): boolean {
  const [x, y] = [a?.head, b?.head];
  return x !== undefined && y !== undefined && byAge(x, y) < 0;
}

function point(candidate: Candidate, first: Rest | undefined): void {
  candidate.first = first;
  candidate.stamp = first?.stamp ?? 0;
}

function remove(rests: Rest[], rest: Rest): void {
  const index = rests.indexOf(rest);
  if (index >= 0) rests.splice(index, 1);
}

function oldest(rests: readonly Rest[]): Rest | undefined {
  let [first] = rests;
  for (const rest of rests) {
    if (first === undefined || rest === first) continue;
    if (rest.stamp < first.stamp || (rest.stamp === first.stamp && isOlder(rest, first))) first = rest;
  }
  return first;
}
