import type { BuilderTicket } from '../../crds/builderticket.ts';
import { placeByAge, stampOf } from './age.ts';
import type { Wish } from './wish.ts';
import { wishKey, wishOf } from './wish.ts';

/**
 * Waiting tickets that no rule tells apart: one priority, namespace, project, owner, sandbox and wish. A cycle decides
 * on lines; only tickets that are served, or told their position, are looked at one by one.
 */
export interface Line {
  readonly priority: number;
  readonly owner: string;
  readonly sandbox: string;
  readonly namespace: string;
  /** `namespace/project`. */
  readonly project: string;
  readonly wish: Wish;
  /** The oldest first. */
  readonly tickets: readonly BuilderTicket[];
  /** Of each of the tickets. */
  readonly stamps: readonly number[];
}

interface OwnLine extends Line {
  readonly tickets: BuilderTicket[];
  readonly stamps: number[];
}

/**
 * The tickets that are open, those that wait in lines. It follows the cache change by change: putting 50,000 tickets in
 * order would be most of the time of a cycle, and hardly any of them has changed since the last one.
 */
export class TicketBook {
  private readonly byUID = new Map<string, BuilderTicket>();
  private readonly given = new Map<string, BuilderTicket>();
  private readonly waiting = new Map<string, OwnLine>();
  private count = 0;

  /** Tickets that wait. */
  get size(): number {
    return this.count;
  }

  /** None of them is empty. */
  lines(): Iterable<Line> {
    return this.waiting.values();
  }

  /** Tickets that were told who serves them. */
  assigned(): Iterable<BuilderTicket> {
    return this.given.values();
  }

  /** The open ticket with this uid. */
  get(uid: string): BuilderTicket | undefined {
    return this.byUID.get(uid);
  }

  lineOf(ticket: BuilderTicket): Line | undefined {
    return this.waiting.get(lineKey(ticket));
  }

  /** Takes in a change of the cache; undefined for what is not there. */
  update(old: BuilderTicket | undefined, now: BuilderTicket | undefined): void {
    const [before, after] = [old && standOf(old), now && standOf(now)];
    if (old !== undefined && before === 'waiting') {
      // News of a waiting ticket are the most frequent change by far: it stays where it is.
      if (now !== undefined && after === 'waiting' && this.replace(old, now)) return;
      this.leave(old);
    }
    if (old !== undefined) {
      this.given.delete(old.metadata.uid ?? '');
      this.byUID.delete(old.metadata.uid ?? '');
    }
    if (now === undefined || after === undefined) return;
    const uid = now.metadata.uid ?? '';
    if (after === 'waiting') this.enter(now);
    if (after === 'assigned') this.given.set(uid, now);
    this.byUID.set(uid, now);
  }

  private replace(old: BuilderTicket, now: BuilderTicket): boolean {
    const key = lineKey(old);
    if (key !== lineKey(now)) return false;
    const { tickets = [] } = this.waiting.get(key) ?? {};
    const index = placeByAge(tickets, now);
    if (tickets[index]?.metadata.uid !== now.metadata.uid) return false;
    tickets[index] = now;
    this.byUID.set(now.metadata.uid ?? '', now);
    return true;
  }

  private enter(ticket: BuilderTicket): void {
    const key = lineKey(ticket);
    let line = this.waiting.get(key);
    if (line === undefined) {
      const { priority, owner, sandbox } = ticket.spec;
      const namespace = ticket.metadata.namespace ?? '';
      const project = projectKey(ticket);
      line = { priority, owner, sandbox, namespace, project, wish: wishOf(ticket), tickets: [], stamps: [] };
      this.waiting.set(key, line);
    }
    const index = placeByAge(line.tickets, ticket);
    line.tickets.splice(index, 0, ticket);
    line.stamps.splice(index, 0, stampOf(ticket));
    this.count++;
  }

  private leave(ticket: BuilderTicket): void {
    const key = lineKey(ticket);
    const line = this.waiting.get(key);
    if (line === undefined) return;
    const index = placeByAge(line.tickets, ticket);
    if (line.tickets[index]?.metadata.uid !== ticket.metadata.uid) return;
    line.tickets.splice(index, 1);
    line.stamps.splice(index, 1);
    if (line.tickets.length === 0) this.waiting.delete(key);
    this.count--;
  }
}

/** The book of these tickets. */
export function bookOf(tickets: Iterable<BuilderTicket>): TicketBook {
  const book = new TicketBook();
  for (const ticket of tickets) book.update(undefined, ticket);
  return book;
}

/** Undefined: no longer open, and none of the scheduler's business. */
function standOf({ spec, status, metadata }: BuilderTicket): 'waiting' | 'assigned' | 'failed' | undefined {
  if (spec.closed || metadata.deletionTimestamp !== undefined) return undefined;
  if (status?.phase === 'Assigned') return 'assigned';
  return status?.phase === 'Failed' ? 'failed' : 'waiting';
}

export function projectKey({ metadata, spec }: BuilderTicket): string {
  return `${metadata.namespace ?? ''}/${spec.project ?? ''}`;
}

/** Names do not hold line feeds. */
function lineKey(ticket: BuilderTicket): string {
  const { priority, owner, sandbox } = ticket.spec;
  return `${priority}\n${projectKey(ticket)}\n${owner}\n${sandbox}\n${wishKey(ticket)}`;
}
