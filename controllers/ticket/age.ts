import type { BuilderTicket } from '../../crds/builderticket.ts';
import { fromTimestamp } from '../../lib/clock.ts';

/** Timestamps have whole seconds; names decide between tickets of one second, so that the order is always the same. */
export function byAge(a: BuilderTicket, b: BuilderTicket): number {
  const [x, y] = [a.metadata, b.metadata];
  return (
    compare(x.creationTimestamp, y.creationTimestamp) || compare(x.namespace, y.namespace) || compare(x.name, y.name)
  );
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The time of its creation, as a number that compares fast; names decide where it is the same. */
export function stampOf({ metadata: { creationTimestamp } }: BuilderTicket): number {
  return creationTimestamp === undefined ? 0 : fromTimestamp(creationTimestamp);
}

/** Where the ticket is, or belongs, among tickets in the order of their age. */
export function placeByAge(tickets: readonly BuilderTicket[], ticket: BuilderTicket): number {
  let [low, high] = [0, tickets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = tickets[middle];
    if (other !== undefined && byAge(other, ticket) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
