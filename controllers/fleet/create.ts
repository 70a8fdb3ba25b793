import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { LABELS, MACHINE_FINALIZER } from '../hook/names.ts';
import { machineState } from '../shared/machines.ts';
import { labelValue } from '../shared/names.ts';
import { longSlotName, machineName, slotName } from './names.ts';
import { isDraining } from './retire.ts';
import type { Stock } from './stock.ts';
import type { Creation, FleetWorld } from './world.ts';
import { POOL_FINALIZER } from './world.ts';

/** Numbers that machines have, of which each new one gets the lowest that is free. Grows as they are planned. */
export class Numbers {
  private readonly names: Set<string>;
  private readonly counters = new Map<string, Set<number>>();

  constructor(world: Pick<FleetWorld, 'builders'>) {
    this.names = new Set(world.builders.map(({ metadata }) => metadata.name));
    for (const { spec } of world.builders) {
      for (const [name, value] of Object.entries(spec.machine?.counters ?? {})) this.used(name).add(value);
    }
  }

  isTaken(name: string): boolean {
    return this.names.has(name);
  }

  take(name: string): void {
    this.names.add(name);
  }

  /** One of each counter of the pool; undefined when it has none. */
  countersFor({ spec }: BuilderPool): Record<string, number> | undefined {
    if (spec.counters === undefined || spec.counters.length === 0) return undefined;
    return Object.fromEntries(spec.counters.map((name) => [name, takeLowest(this.used(name))]));
  }

  private used(name: string): Set<number> {
    const used = this.counters.get(name) ?? new Set<number>();
    this.counters.set(name, used);
    return used;
  }
}

/** The highest number that a machine of the pool is known to have had. */
export function highestNumber(pool: BuilderPool, machines: readonly Builder[]): number {
  const ids = machines.map(({ metadata }) => Number(metadata.labels?.[LABELS.machineID] ?? 0));
  return Math.max(pool.status?.machinesMade ?? 0, ...ids.filter(Number.isSafeInteger));
}

/**
 * Pure: the machines of provider `command` that are to be made. A number is taken once: `machinesMade` follows what is
 * seen, so that a cycle on a cache without the last ones plans the same names again, and makes nothing twice; and what
 * is seen and what the status says go beyond every number that was ever given away.
 */
export function commandMachines(stock: Stock, numbers: Numbers, now: number): Creation[] {
  const { pool, machines } = stock;
  const indexes = new Set(machines.map(({ spec }) => spec.machine?.index ?? -1));
  let id = highestNumber(pool, machines);
  const creations: Creation[] = [];
  for (let count = 0; count < stock.kept + stock.grown; count++) {
    let name: string;
    do name = machineName(pool, ++id, now);
    while (numbers.isTaken(name));
    numbers.take(name);
    const counters = numbers.countersFor(pool);
    const machine = { index: takeLowest(indexes), ...(counters === undefined ? {} : { counters }) };
    const message = count < stock.kept ? 'made to be ready for tickets to come' : 'made for tickets that wait';
    creations.push({ pool, builder: machineBuilder(pool, name, machine, id), message });
  }
  return creations;
}

/** Pure: a Builder for every slot of the inventory that has none. One that is being cleaned has. */
export function hostMachines({ pool, machines }: Stock, numbers: Numbers): Creation[] {
  const { hosts, max, maxStarting } = pool.spec;
  if (hosts === undefined || isDraining(pool) || pool.metadata.finalizers?.includes(POOL_FINALIZER) !== true) return [];
  const present = new Set(machines.map(({ spec }) => `${spec.machine?.host}/${spec.machine?.slot}`));
  const indexes = new Set(machines.map(({ spec }) => spec.machine?.index ?? -1));
  const starting = machines.filter((builder) => machineState(builder) === 'Starting').length;
  const room = Math.min(max - machines.length, maxStarting - starting);
  const creations: Creation[] = [];
  for (const { name: host, slots } of hosts.machines) {
    for (let slot = 1; slot <= slots; slot++) {
      if (creations.length >= room) return creations;
      if (present.has(`${host}/${slot}`)) continue;
      const short = slotName(pool.metadata.name, host, slot);
      const name = numbers.isTaken(short) ? longSlotName(pool.metadata.name, host, slot) : short;
      if (numbers.isTaken(name)) continue;
      numbers.take(name);
      const machine = { index: takeLowest(indexes), host, slot };
      creations.push({ pool, builder: machineBuilder(pool, name, machine), message: `slot ${slot} of ${host}` });
    }
  }
  return creations;
}

/** The finalizer is there from the beginning: a machine may be half made when its Builder is deleted. */
function machineBuilder(
  pool: BuilderPool,
  name: string,
  machine: NonNullable<Builder['spec']['machine']>,
  id?: number,
): Builder {
  const labels = {
    [LABELS.pool]: labelValue(pool.metadata.name),
    ...(id === undefined ? {} : { [LABELS.machineID]: String(id) }),
  };
  return {
    apiVersion: API_VERSION,
    kind: 'Builder',
    metadata: { name, namespace: pool.metadata.namespace ?? '', labels, finalizers: [MACHINE_FINALIZER] },
    spec: { pool: pool.metadata.name, machine, architecture: pool.spec.architectures[0] ?? '' },
  };
}

function takeLowest(used: Set<number>): number {
  let number = 0;
  while (used.has(number)) number++;
  used.add(number);
  return number;
}
