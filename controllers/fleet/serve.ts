import type { Builder } from '../../crds/builder.ts';
import type { Stock } from './stock.ts';
import type { WaitingLine } from './world.ts';

interface Open {
  line: WaitingLine;
  /** Pools that can serve it, the best first. */
  stocks: Stock[];
  /** Tickets that nothing is promised to. */
  left: number;
}

/**
 * Promises machines to those who wait, and has more made for the rest. Tickets that few pools can serve choose first.
 * Returns machines that have to be made anew, because sandboxes that ask for nothing keep them.
 */
export function serve(stocks: readonly Stock[], waiting: readonly WaitingLine[]): Builder[] {
  const open = waiting
    .map((line) => ({ line, stocks: capable(stocks, line), left: line.told + line.fresh }))
    .filter((each) => each.stocks.length > 0)
    .sort((a, b) => a.stocks.length - b.stocks.length);
  // What one sandbox alone can have is nothing that others would miss.
  for (const each of open) promise(each, (stock, wanted) => stock.takeBound(each.line.sandbox, wanted));
  for (const each of open) {
    promise(each, (stock, wanted) => stock.takeFree(wanted));
    promise(each, (stock, wanted) => stock.takeComing(wanted));
  }
  for (const each of open) {
    // Tickets of which nobody knows yet whether they have to wait are the last ones that a machine is missing for.
    each.left = Math.min(each.left, each.line.told);
    promise(each, (stock, wanted) => (stock.growsFor(each.line) ? stock.grow(wanted) : 0));
  }
  return giveWay(stocks, open);
}

function capable(stocks: readonly Stock[], line: WaitingLine): Stock[] {
  return stocks
    .filter((stock) => stock.serves(line))
    .map((stock) => ({ stock, score: stock.score(line) }))
    .sort((a, b) => b.score - a.score || a.stock.failures - b.stock.failures || byName(a.stock, b.stock))
    .map(({ stock }) => stock);
}

function promise(open: Open, take: (stock: Stock, wanted: number) => number): void {
  for (const stock of open.stocks) {
    if (open.left <= 0) return;
    open.left -= take(stock, open.left);
  }
}

/**
 * Nobody waits for a machine that its sandbox does not use: a host is cleaned and given to another one, and a full pool
 * of the provider `command` deletes the machine to make a new one. A sandbox that asks for its machine keeps it.
 */
function giveWay(stocks: readonly Stock[], open: readonly Open[]): Builder[] {
  const given: Builder[] = [];
  for (const stock of stocks) {
    const groups = [...stock.idleHosts(), ...stock.idleMachines().map((builder) => [builder])];
    for (const each of open) {
      if (!each.stocks.includes(stock)) continue;
      if (stock.pool.spec.hosts === undefined && !stock.growsFor(each.line)) continue;
      each.left -= stock.takeLeaving(each.left);
      while (each.left > 0) {
        const machines = groups.shift();
        if (machines === undefined) break;
        given.push(...machines);
        each.left -= machines.length;
      }
    }
  }
  return given;
}

function byName(a: Stock, b: Stock): number {
  return a.pool.metadata.name < b.pool.metadata.name ? -1 : 1;
}
