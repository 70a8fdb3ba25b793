import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Store } from '../../operator/store.ts';
import { Fault } from './fault.ts';
import { isOver, nameOf, outputOf } from './ticket.ts';

export interface Waiters {
  /**
   * Resolves with the output once the ticket has a machine, and never for a ticket that is closed, failed or unknown: so
   * does Resalloc. Rejects with a Fault when too many wait, with the signal's reason when the client has gone, and with
   * that of stop().
   */
  wait(number: number, signal: AbortSignal): Promise<Buffer>;
  readonly count: number;
  stop(reason: Error): void;
}

interface Waiter {
  name: string;
  resolve(output: Buffer): void;
  reject(reason: Error): void;
}

/** One watch serves them all: a waiting client costs its connection and an entry here. */
export function createWaiters(tickets: Store<BuilderTicket>, namespace: string, max: number): Waiters {
  const byName = new Map<string, Set<Waiter>>();
  let count = 0;
  let stopped: Error | undefined;

  function add(waiter: Waiter): void {
    const same = byName.get(waiter.name) ?? new Set();
    byName.set(waiter.name, same.add(waiter));
    count++;
  }

  function remove(waiter: Waiter): void {
    const same = byName.get(waiter.name);
    if (same?.delete(waiter) !== true) return;
    if (same.size === 0) byName.delete(waiter.name);
    count--;
  }

  const unsubscribe = tickets.subscribe(({ now }) => {
    const waiting = now === undefined ? undefined : byName.get(now.metadata.name);
    const output = waiting === undefined ? undefined : readyOutput(now);
    if (waiting === undefined || output === undefined) return;
    for (const waiter of waiting) waiter.resolve(output);
  });

  return {
    get count() {
      return count;
    },
    async wait(number, signal) {
      signal.throwIfAborted();
      if (stopped !== undefined) throw stopped;
      const name = nameOf(number);
      const output = readyOutput(tickets.get(`${namespace}/${name}`));
      if (output !== undefined) return output;
      if (count >= max) {
        throw new Fault('unavailable', `${max} clients wait for tickets already; ask with collectTicket, or try again`);
      }
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      const waiter = { name, resolve, reject };
      const onAbort = (): void => reject(signal.reason as Error);
      add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return await promise;
      } finally {
        signal.removeEventListener('abort', onAbort);
        remove(waiter);
      }
    },
    stop(reason) {
      stopped = reason;
      unsubscribe();
      for (const waiter of [...byName.values()].flatMap((same) => [...same])) waiter.reject(reason);
    },
  };
}

function readyOutput(ticket: BuilderTicket | undefined): Buffer | undefined {
  return ticket === undefined || isOver(ticket) ? undefined : outputOf(ticket);
}
