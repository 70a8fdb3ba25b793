import type { BuilderTicket } from '../../crds/builderticket.ts';
import { byAge } from './age.ts';
import type { Line } from './lines.ts';
import { getOr } from './lines.ts';

/** Running stages, as far as the order depends on them. */
export interface Usage {
  /** Running stages of an owner divided by its weight. */
  share(owner: string): number;
  sandbox(sandbox: string): number;
}

/**
 * What became of the line whose turn it was: `served` (its oldest ticket is taken and the usage has grown), `blocked`
 * (nothing more of it in this round), or `stop` (nothing more of any line).
 */
export type Turn = 'served' | 'blocked' | 'stop';

/**
 * Gives lines their turns: priority first; among equals the owner with the smallest share of running stages (relative
 * to its weight); of that owner the sandbox with the fewest; in it the oldest ticket. Being served counts at once, so
 * a burst of free builders is dealt out fairly too. Ends when every line is empty or blocked.
 */
export function deal(lines: readonly Line[], usage: Usage, turn: (line: Line) => Turn): void {
  const levels = new Map<number, Line[]>();
  for (const line of lines) getOr(levels, line.priority, () => []).push(line);
  for (const [, level] of [...levels].sort(([a], [b]) => b - a)) {
    if (dealLevel(level, usage, turn) === 'stop') return;
  }
}

function dealLevel(lines: readonly Line[], usage: Usage, turn: (line: Line) => Turn): Turn {
  const owners = group(lines, usage);
  for (;;) {
    const owner = least(owners);
    const sandbox = owner && least(owner.sandboxes);
    const line = sandbox?.lines[oldestOf(sandbox.lines)];
    if (owner === undefined || sandbox === undefined || line === undefined) return 'blocked';
    const outcome = turn(line);
    if (outcome === 'stop') return outcome;
    if (outcome === 'blocked' || line.tickets.size === 0) remove(sandbox.lines, line);
    if (sandbox.lines.length === 0) remove(owner.sandboxes, sandbox);
    if (owner.sandboxes.length === 0) {
      remove(owners, owner);
      continue;
    }
    sandbox.cost = usage.sandbox(sandbox.name);
    sandbox.head = headOf(sandbox.lines);
    owner.cost = usage.share(owner.name);
    owner.head = oldestHead(owner.sandboxes);
  }
}

interface Candidate {
  name: string;
  /** The lesser goes first. */
  cost: number;
  /** Decides between equal costs. */
  head: BuilderTicket | undefined;
}
interface Sandbox extends Candidate {
  lines: Line[];
}
interface Owner extends Candidate {
  sandboxes: Sandbox[];
}

function group(lines: readonly Line[], usage: Usage): Owner[] {
  const owners = new Map<string, Map<string, Line[]>>();
  for (const line of lines) {
    if (line.tickets.size === 0) continue;
    const { owner, sandbox } = line.sample.spec;
    const sandboxes = getOr(owners, owner, () => new Map<string, Line[]>());
    getOr(sandboxes, sandbox, () => [] as Line[]).push(line);
  }
  return [...owners].map(([owner, entries]) => {
    const sandboxes = [...entries].map(([name, own]) => ({
      name,
      cost: usage.sandbox(name),
      head: headOf(own),
      lines: own,
    }));
    return { name: owner, cost: usage.share(owner), head: oldestHead(sandboxes), sandboxes };
  });
}

function least<T extends Candidate>(list: readonly T[]): T | undefined {
  let best: T | undefined;
  for (const item of list) {
    if (best === undefined || item.cost < best.cost || (item.cost === best.cost && isOlder(item.head, best.head))) {
      best = item;
    }
  }
  return best;
}

function oldestOf(lines: readonly Line[]): number {
  let best = 0;
  for (let index = 1; index < lines.length; index++) {
    if (isOlder(lines[index]?.tickets.oldest(), lines[best]?.tickets.oldest())) best = index;
  }
  return best;
}

function headOf(lines: readonly Line[]): BuilderTicket | undefined {
  return lines[oldestOf(lines)]?.tickets.oldest();
}

function oldestHead(candidates: readonly Candidate[]): BuilderTicket | undefined {
  let oldest: BuilderTicket | undefined;
  for (const { head } of candidates) {
    if (oldest === undefined || isOlder(head, oldest)) oldest = head;
  }
  return oldest;
}

function isOlder(a: BuilderTicket | undefined, b: BuilderTicket | undefined): boolean {
  return a !== undefined && b !== undefined && byAge(a, b) < 0;
}

function remove<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}
