import type { Builder } from '../../crds/builder.ts';
import { isMachine } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { hasMachines, machineState } from '../shared/machines.ts';
import { commandMachines, highestNumber, hostMachines, Numbers } from './create.ts';
import { byAge, retired, retiresAt } from './retire.ts';
import { serve } from './serve.ts';
import { Stock } from './stock.ts';
import type { FleetPlan, FleetWorld, Removal } from './world.ts';
import { POOL_FINALIZER } from './world.ts';

/** Pure: which machines are to be made and which to go. `now` in milliseconds since the epoch. */
export function planFleet(world: FleetWorld, now: number): FleetPlan {
  const machines = Map.groupBy(world.builders.filter(isMachine), ({ spec }) => spec.pool);
  const pools = [...world.pools].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const known = new Set(pools.map(({ metadata }) => metadata.name));
  const remove = [...machines].flatMap(([name, own]) => (known.has(name) ? [] : retired(undefined, own, now)));

  const stocks = pools.map((pool) => {
    const own = machines.get(pool.metadata.name) ?? [];
    const removals = retired(pool, own, now);
    remove.push(...removals);
    return new Stock(pool, own, new Set(removals.map(({ builder }) => builder)), now);
  });
  for (const builder of serve(stocks, world.waiting)) {
    remove.push(removal(builder, 'GivesWay', 'its sandbox asks for nothing, and others wait'));
  }
  remove.push(...stocks.flatMap(surplus), ...doubles(world.builders));

  const numbers = new Numbers(world);
  return {
    create: stocks.flatMap((stock) => [...commandMachines(stock, numbers, now), ...hostMachines(stock, numbers)]),
    remove,
    made: stocks.flatMap(({ pool, machines: own }) => {
      const number = highestNumber(pool, own);
      return number > (pool.status?.machinesMade ?? 0) ? [{ pool, number }] : [];
    }),
    hold: pools.filter((pool) => hasMachines(pool) && !isHeld(pool) && pool.metadata.deletionTimestamp === undefined),
    letGo: stocks.filter(({ pool, machines: own }) => isHeld(pool) && isOver(pool, own)).map(({ pool }) => pool),
    wakeAt: wakeAt(stocks, now),
  };
}

function isHeld({ metadata }: BuilderPool): boolean {
  return metadata.finalizers?.includes(POOL_FINALIZER) === true;
}

/** Nothing is left that the finalizer is for: the pool is being deleted, or has become one of pods. */
function isOver(pool: BuilderPool, machines: readonly Builder[]): boolean {
  return machines.length === 0 && (pool.metadata.deletionTimestamp !== undefined || !hasMachines(pool));
}

/**
 * Machines that were made for tickets that others have served, or that are gone. What was never used and is promised
 * to nobody goes, but for what the pool keeps ready; of two the older one, which has been paid for longer.
 */
function surplus({ pool, free }: Stock): Removal[] {
  if (pool.spec.command === undefined) return [];
  const keeps = (pool.spec.onDemandTags ?? []).length === 0 ? pool.spec.preallocated : 0;
  return free
    .slice(0, Math.max(0, free.length - keeps))
    .map((builder) => removal(builder, 'NotNeeded', 'no ticket wants it'));
}

/**
 * Two leaders that did not see each other's machines may have given a number twice. The younger machine
 * goes at once, before anything is made for it: seconds later it would have the address of another one.
 */
function doubles(builders: readonly Builder[]): Removal[] {
  const living = builders.filter((builder) => isMachine(builder) && machineState(builder) !== 'Deleting').sort(byAge);
  const isStarting = (builder: Builder): boolean => machineState(builder) === 'Starting';
  const holders = new Set(living.filter((builder) => !isStarting(builder)).flatMap(numbersOf));
  return living.filter(isStarting).flatMap((builder) => {
    const numbers = numbersOf(builder);
    const double = numbers.find((number) => holders.has(number));
    for (const number of numbers) holders.add(number);
    return double === undefined ? [] : [removal(builder, 'NumberTaken', `another machine has ${double}`)];
  });
}

function numbersOf({ spec }: Builder): string[] {
  const { index, host } = spec.machine ?? {};
  const own = host === undefined ? [`index ${index} of pool "${spec.pool}"`] : [];
  const counted = Object.entries(spec.machine?.counters ?? {}).map(
    ([name, value]) => `number ${value} of counter "${name}"`,
  );
  return [...own, ...counted];
}

function removal(builder: Builder, reason: string, message: string): Removal {
  return { builder, reason, message, asSeen: true };
}

function wakeAt(stocks: readonly Stock[], now: number): number | undefined {
  const times = stocks.flatMap((stock) => [
    stock.pausedUntil,
    stock.delayedUntil,
    ...stock.machines.map((builder) => retiresAt(stock.pool, builder) ?? 0),
  ]);
  const future = times.filter((time) => time > now);
  return future.length === 0 ? undefined : Math.min(...future);
}
