import type { BuilderTicket } from '../../crds/builderticket.ts';

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

/**
 * Tickets of which the oldest can be taken. A binary heap that is put in order only when the oldest is asked for: most
 * lines of a long queue are never looked into during a cycle, and sorting 50,000 tickets would be most of its time.
 */
export class AgeHeap {
  private readonly items: BuilderTicket[] = [];
  private ordered = false;

  get size(): number {
    return this.items.length;
  }

  add(ticket: BuilderTicket): void {
    this.items.push(ticket);
    this.ordered = false;
  }

  /** In no particular order. */
  all(): readonly BuilderTicket[] {
    return this.items;
  }

  oldest(): BuilderTicket | undefined {
    this.order();
    return this.items[0];
  }

  take(): BuilderTicket | undefined {
    this.order();
    const [first] = this.items;
    const last = this.items.pop();
    if (last !== undefined && this.items.length > 0) {
      this.items[0] = last;
      this.sink(0);
    }
    return first;
  }

  private order(): void {
    if (this.ordered) return;
    for (let index = (this.items.length >> 1) - 1; index >= 0; index--) this.sink(index);
    this.ordered = true;
  }

  private sink(from: number): void {
    const { items } = this;
    const item = items[from];
    if (item === undefined) return;
    let hole = from;
    for (;;) {
      let child = 2 * hole + 1;
      const [left, right] = [items[child], items[child + 1]];
      if (left === undefined) break;
      let younger = left;
      if (right !== undefined && byAge(right, left) < 0) {
        younger = right;
        child++;
      }
      if (byAge(item, younger) <= 0) break;
      items[hole] = younger;
      hole = child;
    }
    items[hole] = item;
  }
}
