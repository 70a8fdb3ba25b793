import type { Builder } from '../../crds/builder.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { PoolEvent } from './events.ts';
import { eventsOf } from './events.ts';

interface Account {
  /** What happened until then was counted before this process began; unknown until the pool is first looked at. */
  baseline: number | undefined;
  /** Ids of events that were taken in, by uid of the Builder. */
  known: Map<string, Set<string>>;
  /** Taken in and not yet written down. */
  open: PoolEvent[];
}

/**
 * Sees to it that every event of a pool is counted once. Within a process by its Builder and id; across processes by
 * `statistics.counted`, which is written together with what was counted: an event is never counted twice, and one of
 * the very second in which a process ended may be missed. Events are taken in as they pass by, since a Builder may be
 * gone before its pool is looked at.
 */
export class Tally {
  private readonly accounts = new Map<string, Account>();

  /** Returns what is new. */
  see(pool: string, builder: Builder): PoolEvent[] {
    const account = this.account(pool);
    const uid = builder.metadata.uid ?? '';
    const known = account.known.get(uid) ?? new Set<string>();
    const fresh = eventsOf(builder).filter(({ id }) => !known.has(id));
    if (fresh.length === 0) return [];
    account.known.set(uid, known);
    for (const { id } of fresh) known.add(id);
    const counted = fresh.filter(({ at }) => account.baseline === undefined || at > account.baseline);
    account.open.push(...counted);
    return counted;
  }

  /** The Builder is gone: nothing more of it can come. */
  gone(pool: string, uid: string): void {
    this.accounts.get(pool)?.known.delete(uid);
  }

  /** Events that are not written down yet, in the order in which they happened. */
  open(pool: string, counted: string | undefined): PoolEvent[] {
    const account = this.account(pool);
    if (account.baseline === undefined) {
      const baseline = counted === undefined ? 0 : fromTimestamp(counted);
      account.baseline = baseline;
      account.open = account.open.filter(({ at }) => at > baseline);
    }
    account.open.sort((a, b) => a.at - b.at);
    return [...account.open];
  }

  /** These are written down. */
  close(pool: string, events: readonly PoolEvent[]): void {
    const account = this.account(pool);
    const done = new Set(events);
    account.open = account.open.filter((event) => !done.has(event));
  }

  forget(pool: string): void {
    this.accounts.delete(pool);
  }

  private account(pool: string): Account {
    let account = this.accounts.get(pool);
    if (account === undefined) {
      account = { baseline: undefined, known: new Map(), open: [] };
      this.accounts.set(pool, account);
    }
    return account;
  }
}
