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

/** Puts tickets into lines. Nested maps, since building a text key for each of 50,000 tickets costs more than all else. */
export function linesOf(tickets: Iterable<BuilderTicket>): Line[] {
  const lines: Line[] = [];
  const priorities = new Map<number, Map<string, Map<string, Map<string, Line>>>>();
  for (const ticket of tickets) {
    const { priority, sandbox } = ticket.spec;
    const namespaces = getOr(priorities, priority, () => new Map<string, Map<string, Map<string, Line>>>());
    const sandboxes = getOr(namespaces, ticket.metadata.namespace ?? '', () => new Map<string, Map<string, Line>>());
    const wishes = getOr(sandboxes, sandbox, () => new Map<string, Line>());
    const line = getOr(wishes, wishOf(ticket), () => {
      const fresh = { priority, sample: ticket, tickets: new AgeHeap() };
      lines.push(fresh);
      return fresh;
    });
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
