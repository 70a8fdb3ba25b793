import type { BuilderTicket } from '../../crds/builderticket.ts';
import { AgeHeap } from './age.ts';

/**
 * Waiting tickets that no rule tells apart: one priority, project, sandbox, architecture and set of tags. A cycle
 * decides on lines; only tickets that are served, or shown their position, are looked at one by one.
 */
export interface Line {
  priority: number;
  /** Any of its tickets: what is asked of it holds for all of them. */
  sample: BuilderTicket;
  tickets: AgeHeap;
}

/**
 * Puts tickets into lines. This is most of the time of a cycle with a long queue: nested maps, since a text key for each
 * of 50,000 tickets would have to be built and hashed, and no calls in the loop.
 */
export function linesOf(tickets: readonly BuilderTicket[]): Line[] {
  const lines: Line[] = [];
  const priorities = new Map<number, Map<string, Map<string, Map<string, Line>>>>();
  for (const ticket of tickets) {
    const { priority, sandbox } = ticket.spec;
    const namespace = ticket.metadata.namespace ?? '';
    let namespaces = priorities.get(priority);
    if (namespaces === undefined) {
      namespaces = new Map();
      priorities.set(priority, namespaces);
    }
    let sandboxes = namespaces.get(namespace);
    if (sandboxes === undefined) {
      sandboxes = new Map();
      namespaces.set(namespace, sandboxes);
    }
    let wishes = sandboxes.get(sandbox);
    if (wishes === undefined) {
      wishes = new Map();
      sandboxes.set(sandbox, wishes);
    }
    const wish = wishOf(ticket);
    let line = wishes.get(wish);
    if (line === undefined) {
      line = { priority, sample: ticket, tickets: new AgeHeap() };
      wishes.set(wish, line);
      lines.push(line);
    }
    line.tickets.add(ticket);
  }
  return lines;
}

/** What a ticket asks of a pool, as a key. */
export function wishOf({ spec }: BuilderTicket): string {
  return spec.tags.length === 0 ? spec.architecture : [spec.architecture, ...[...spec.tags].sort()].join(' ');
}

export function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
