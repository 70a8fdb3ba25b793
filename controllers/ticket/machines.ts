import type { Builder } from '../../crds/builder.ts';
import { isMachine } from '../../crds/builder.ts';

/** Another ticket may have it: it is up, clean, and nobody has it. */
export function isFree(builder: Builder): boolean {
  const { metadata, spec, status } = builder;
  return (
    isMachine(builder) &&
    status?.phase === 'Ready' &&
    spec.ticket === undefined &&
    metadata.deletionTimestamp === undefined &&
    (status.failedChecks ?? 0) === 0
  );
}

/** It serves nobody any more: whoever it was lent to has to be told. */
export function isLost({ metadata, status }: Builder): boolean {
  return metadata.deletionTimestamp !== undefined || status?.phase === 'Lost' || status?.phase === 'Deleting';
}

export interface MachineChoice {
  machine: Builder;
  /** It has the sandbox already, so that it may hold what this sandbox needs. */
  isReused: boolean;
}

/**
 * The free machines of one pool during one cycle. A machine belongs to one sandbox for its life, and so do, as long as
 * any of them does, all the slots of one host: builds of two sandboxes never share a kernel.
 */
export class FreeMachines {
  /** Of no sandbox, on no host that has one. The name that is least comes last. */
  private clean: Builder[] = [];
  /** Those that have the sandbox. */
  private readonly own = new Map<string, Builder[]>();
  /** Clean slots of hosts that have the sandbox. */
  private readonly beside = new Map<string, Builder[]>();

  /** @param builders all of the pool */
  constructor(builders: readonly Builder[]) {
    const hosts = sandboxesOfHosts(builders);
    const free = builders.filter(isFree).sort((a, b) => (a.metadata.name < b.metadata.name ? 1 : -1));
    for (const machine of free) {
      const { sandbox } = machine.spec;
      const [ofHost, another] = [...(hosts.get(hostOf(machine) ?? '') ?? [])];
      // A host of two sandboxes should not be; as long as it is, it gets nothing.
      if (another !== undefined) continue;
      if (sandbox !== undefined) addTo(this.own, sandbox, machine);
      else if (ofHost !== undefined) addTo(this.beside, ofHost, machine);
      else this.clean.push(machine);
    }
  }

  /** Machines that any sandbox may have. */
  get open(): number {
    return this.clean.length;
  }

  /** Sandboxes that have machines which only they may have. */
  bound(): Iterable<string> {
    return new Set([...this.own.keys(), ...this.beside.keys()]);
  }

  /** How many the sandbox may have. */
  countFor(sandbox: string): number {
    return this.countBound(sandbox) + this.clean.length;
  }

  countBound(sandbox: string): number {
    return (this.own.get(sandbox)?.length ?? 0) + (this.beside.get(sandbox)?.length ?? 0);
  }

  /** Its own machines first, then slots of its hosts, so that hosts stay free for others; then by name. */
  best(sandbox: string): MachineChoice | undefined {
    const own = this.own.get(sandbox)?.at(-1);
    const machine = own ?? this.beside.get(sandbox)?.at(-1) ?? this.clean.at(-1);
    return machine && { machine, isReused: own !== undefined };
  }

  /** Takes the machine that `best` has named. */
  take(sandbox: string): void {
    if (removeLast(this.own, sandbox) || removeLast(this.beside, sandbox)) return;
    const machine = this.clean.pop();
    const host = machine && hostOf(machine);
    if (host === undefined) return;
    const slots = this.clean.filter((other) => hostOf(other) === host);
    if (slots.length === 0) return;
    this.clean = this.clean.filter((other) => hostOf(other) !== host);
    this.beside.set(sandbox, slots);
  }
}

/** Sandboxes by host: of all its slots, free or not, up or on their way out. */
function sandboxesOfHosts(builders: readonly Builder[]): Map<string, Set<string>> {
  const hosts = new Map<string, Set<string>>();
  for (const builder of builders) {
    const host = hostOf(builder);
    const { sandbox } = builder.spec;
    if (host === undefined || sandbox === undefined) continue;
    const known = hosts.get(host);
    if (known === undefined) hosts.set(host, new Set([sandbox]));
    else known.add(sandbox);
  }
  return hosts;
}

function hostOf({ spec }: Builder): string | undefined {
  return spec.machine?.host;
}

function addTo(map: Map<string, Builder[]>, key: string, machine: Builder): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [machine]);
  else list.push(machine);
}

function removeLast(map: Map<string, Builder[]>, key: string): boolean {
  const list = map.get(key);
  if (list === undefined) return false;
  list.pop();
  if (list.length === 0) map.delete(key);
  return true;
}
