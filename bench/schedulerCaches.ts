import { aBuilder, ago, aPool, aProject, aTicket } from '../controllers/testing/objects.ts';
import { claimFor } from '../controllers/ticket/builder.ts';
import type { SchedulerStores } from '../controllers/ticket/observe.ts';
import { createObserver, SUSPENDED } from '../controllers/ticket/observe.ts';
import { aMachine, aMachinePool } from '../controllers/ticket/testing/worlds.ts';
import type { Assignment, SchedulerWorld } from '../controllers/ticket/world.ts';
import type { Builder } from '../crds/builder.ts';
import type { BuilderPool } from '../crds/builderpool.ts';
import type { BuilderTicket } from '../crds/builderticket.ts';
import type { BuildQuota } from '../crds/buildquota.ts';
import { API_VERSION } from '../crds/kind.ts';
import type { Project } from '../crds/project.ts';
import type { Namespace } from '../operator/core.ts';
import type { KubeObject } from '../operator/resource.ts';
import { keyOf } from '../operator/resource.ts';
import { ObjectStore } from '../operator/store.ts';
import { quietLog } from '../operator/testing/harness.ts';

const OWNERS = 500;
const PROJECTS = 7;
/** Half of the builders are pods, the others machines. */
const PODS = 500;
const MACHINES = 500;
const HOSTS = 50;
/** What happens between two cycles. */
const COME = 12;
const TOLD = 16;
const ENDED = 6;

/** Caches with so many waiting tickets, a thousand builders, and five hundred owners. */
export class SchedulerCaches {
  readonly observe: () => SchedulerWorld;
  private readonly tickets = new ObjectStore<BuilderTicket>(quietLog);
  private readonly builders = new ObjectStore<Builder>(quietLog);
  private serial = 0;
  private turn = 0;

  /** @param free places for pods and machines, half and half */
  constructor({ waiting, free }: { waiting: number; free: number }) {
    for (let index = 0; index < waiting; index++) this.tickets.upsert(this.next('Waiting'));
    for (let index = 0; index < PODS; index++) {
      const ticket = this.next('Assigned');
      this.tickets.upsert(ticket);
      this.builders.upsert(reparsed(aBuilder(ticket, { phase: 'Running' })));
    }
    const freeMachines = Math.ceil(free / 2);
    for (let index = 0; index < MACHINES + Math.max(0, freeMachines - MACHINES / 2); index++) {
      this.addMachine(index, index < freeMachines);
    }
    this.observe = createObserver(this.stores(PODS + Math.ceil(free / 2)), {
      buildsNamespace: 'kopr-builds',
      releaseNamespace: 'kopr-system',
    });
  }

  /** The next changes that reach the caches, ready to be made. */
  changes(): (() => void)[] {
    const come = Array.from({ length: COME }, () => this.next(undefined));
    const all = this.tickets.list();
    const told = Array.from({ length: TOLD }, (_, index) => all[(this.turn * 7919 + index * 104_729) % all.length])
      .filter((ticket) => ticket?.status?.phase !== 'Assigned' && ticket !== undefined)
      .map((ticket) => reparsed({ ...ticket, status: { phase: 'Waiting', position: this.turn } } as BuilderTicket));
    const busy = this.builders.list().filter(({ spec }) => spec.ticket !== undefined);
    const ended = Array.from({ length: ENDED }, (_, index) => busy[(this.turn * 31 + index * 167) % busy.length]);
    this.turn++;
    return [
      ...[...come, ...told].map((ticket) => () => this.tickets.upsert(ticket)),
      ...[...new Set(ended)].map((builder) => () => this.end(builder)),
    ];
  }

  carryOut(assign: readonly Assignment[]): void {
    for (const { ticket, pool, machine } of assign) {
      const status = { phase: 'Running' as const };
      const builder =
        machine === undefined
          ? aBuilder(ticket, status, pool)
          : { ...machine, spec: { ...machine.spec, ...claimFor(ticket) }, status };
      this.builders.upsert(reparsed(builder));
      this.tickets.upsert(reparsed({ ...ticket, status: { phase: 'Assigned', builder: builder.metadata.name } }));
    }
  }

  private end(builder: Builder | undefined): void {
    if (builder?.spec.ticket === undefined) return;
    this.tickets.remove(`${builder.spec.ticket.namespace}/${builder.spec.ticket.name}`);
    this.builders.remove(keyOf(builder));
    const { machine } = builder.spec;
    // Machines come back as new ones: of no sandbox.
    if (machine !== undefined) this.builders.upsert(reparsed(aMachine(builder.metadata.name, partsOf(builder))));
  }

  private addMachine(index: number, isFree: boolean): void {
    const host = index % 5 === 0 ? { host: `host-${index % HOSTS}-${index}` } : {};
    const parts = { pool: index % 5 === 0 ? 'farm' : 'cloud', ...host };
    if (isFree) {
      // One in three has served a sandbox, which may use it again.
      const sandbox = index % 3 === 0 ? { sandbox: sandboxOf(index) } : {};
      this.builders.upsert(reparsed(aMachine(`m-${index}`, { ...parts, ...sandbox })));
      return;
    }
    const ticket = this.next('Assigned');
    this.tickets.upsert(ticket);
    this.builders.upsert(reparsed(aMachine(`m-${index}`, { ...parts, ticket, status: { phase: 'Running' } })));
  }

  private next(phase: 'Waiting' | 'Assigned' | undefined): BuilderTicket {
    const index = this.serial++;
    const owner = `owner-${(index * 7919) % OWNERS}`;
    const project = `project-${index % PROJECTS}`;
    const spec = {
      owner,
      project,
      sandbox: `${owner}/${project}`,
      architecture: ['x86_64', 'i386', 'noarch'][index % 3] ?? 'noarch',
      tags: index % 20 === 0 ? ['big'] : [],
      priority: (index % 3 === 2 ? 1000 : 0) - (index % 7 === 0 ? 100_000 : 0),
    };
    const status = phase === undefined ? undefined : { phase };
    return reparsed(aTicket(`stage-${index}`, spec, status, { creationTimestamp: ago((index * 31) % 5000) }));
  }

  private stores(places: number): SchedulerStores {
    const projects = storeOf<Project>(aProject({ suspend: true }));
    projects.addIndex(SUSPENDED, (project) => [String(project.spec.suspend)]);
    const big = { tags: [{ name: 'big', priority: 1 }] };
    const total = { maxRunning: 10_000, architectures: [{ name: 'i386', max: 5_000 }] };
    return {
      tickets: this.tickets,
      builders: this.builders,
      projects,
      pools: storeOf<BuilderPool>(
        aPool('default', { ...big, max: places, maxStarting: 1000 }),
        aMachinePool('cloud', { ...big, max: MACHINES }),
        aMachinePool('farm', { max: MACHINES, onDemandTags: big.tags }),
      ),
      quotas: storeOf<BuildQuota>({
        apiVersion: API_VERSION,
        kind: 'BuildQuota',
        metadata: { name: 'default', namespace: 'kopr-system' },
        spec: { maxRunning: 90, maxRunningPerSandbox: 60, weight: 100, total },
      }),
      namespaces: storeOf<Namespace>(),
    };
  }
}

function sandboxOf(index: number): string {
  return `owner-${(index * 7919) % OWNERS}/project-${index % PROJECTS}`;
}

function partsOf({ spec }: Builder): { pool: string; host?: string } {
  const host = spec.machine?.host;
  return host === undefined ? { pool: spec.pool } : { pool: spec.pool, host };
}

/** As it comes from the API server: with texts of its own. */
function reparsed<T>(object: T): T {
  return JSON.parse(JSON.stringify(object)) as T;
}

function storeOf<T extends KubeObject>(...objects: T[]): ObjectStore<T> {
  const store = new ObjectStore<T>(quietLog);
  for (const object of objects) store.upsert(object);
  return store;
}
