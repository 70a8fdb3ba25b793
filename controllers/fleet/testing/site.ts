import { Registry } from 'prom-client';
import type { Builder } from '../../../crds/builder.ts';
import { Builders, isMachine } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import { BuilderPools } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { BuilderTickets } from '../../../crds/builderticket.ts';
import { installCRDs } from '../../../crds/testing/install.ts';
import { systemClock, toTimestamp } from '../../../lib/clock.ts';
import type { ApiClient } from '../../../operator/client.ts';
import type { Manager } from '../../../operator/manager.ts';
import { createManager } from '../../../operator/manager.ts';
import { keyOf } from '../../../operator/resource.ts';
import { eventually, quietLog } from '../../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../../operator/testing/realApi.ts';
import { addPoolController } from '../../pool/index.ts';
import { Blade } from '../../testing/blade.ts';
import { aTicket } from '../../testing/objects.ts';
import { addFleetController } from '../index.ts';
import { MachinesStandin, tell } from './machines.ts';

/** Longer than the first pauses of a pool, on two busy cores. */
const WAIT_MS = 60_000;

/** A real API server with pools, their controller and the fleet's; machines are played. */
export interface Site {
  client: ApiClient;
  builds: string;
  tenant: string;
  machines: MachinesStandin;
  /** Metrics of the operator that was started first. */
  metrics(): Promise<string>;
  /** One at a time or several: there is no election between them. Returns its end. */
  startOperator(blade?: Blade): Promise<() => Promise<void>>;
  createPool(name: string, spec: Partial<BuilderPool['spec']>): Promise<BuilderPool>;
  patchPool(name: string, spec: object): Promise<unknown>;
  pool(name: string): BuilderPool | undefined;
  /** By name. */
  machinesOf(pool: string): Builder[];
  /** A ticket that the scheduler has told that it waits. */
  wait(name: string, spec?: Partial<BuilderTicket['spec']>): Promise<BuilderTicket>;
  claim(machine: Builder, ticket: BuilderTicket): Promise<void>;
  release(name: string): Promise<void>;
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

export async function startSite(): Promise<Site> {
  const client = await realClient();
  await installCRDs(client);
  const builds = await freshNamespace(client, 'builds');
  const tenant = await freshNamespace(client, 'tenant');
  const machines = new MachinesStandin();
  const managers: Manager[] = [];
  const registries: Registry[] = [];

  async function startManager(
    registry: Registry,
    add: (manager: Manager) => void,
    own: ApiClient = client,
  ): Promise<Manager> {
    const scope = (namespace: string) => ({ namespaces: [namespace] });
    const manager = createManager({
      client: own,
      clock: systemClock,
      log: quietLog,
      registry,
      name: 'kopr.dev/test',
      instance: 'test',
      drainMs: 500,
      scopes: {
        'builders.kopr.dev': scope(builds),
        'builderpools.kopr.dev': scope(builds),
        'buildertickets.kopr.dev': scope(tenant),
      },
    });
    add(manager);
    await manager.start();
    managers.push(manager);
    return manager;
  }

  async function startOperator(blade = new Blade()): Promise<() => Promise<void>> {
    const ofOperator = new Registry();
    registries.push(ofOperator);
    const add = (manager: Manager): void => {
      addPoolController(manager, { registry: ofOperator });
      addFleetController(manager, { buildsNamespace: builds });
    };
    const manager = await startManager(ofOperator, add, blade.client(client));
    return () => manager.stop();
  }

  const world = await startManager(new Registry(), (manager) => {
    machines.add(manager);
    manager.store(BuilderPools);
    manager.store(BuilderTickets);
  });

  function machine(name: string): Builder {
    const found = world.store(Builders).get(`${builds}/${name}`);
    if (found === undefined) throw new Error(`there is no machine ${name}`);
    return found;
  }

  const until: Site['until'] = (what, condition) => eventually(what, condition, WAIT_MS);

  return {
    client,
    builds,
    tenant,
    machines,
    metrics: async () => (await registries[0]?.metrics()) ?? '',
    startOperator,
    async createPool(name, spec) {
      const metadata = { name, namespace: builds };
      const pool = await client.create(BuilderPools, { metadata, spec: spec as BuilderPool['spec'] });
      // Caches have watches of their own: one that never saw the pool looks like one that saw it go.
      await until(`the sight of pool ${name}`, () => world.store(BuilderPools).get(`${builds}/${name}`) !== undefined);
      return pool;
    },
    patchPool: (name, spec) => client.mergePatch(BuilderPools, `${builds}/${name}`, { spec }),
    pool: (name) => world.store(BuilderPools).get(`${builds}/${name}`),
    machinesOf: (pool) =>
      world
        .store(Builders)
        .list(builds)
        .filter((builder) => isMachine(builder) && builder.spec.pool === pool)
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    async wait(name, spec = {}) {
      const { metadata, spec: all } = aTicket(name, spec);
      const ticket = await client.create(BuilderTickets, {
        metadata: { name: metadata.name, namespace: tenant },
        spec: all,
      });
      const status = { phase: 'Waiting' as const, reason: 'PoolFull', message: 'waits for a machine' };
      return client.mergePatch(BuilderTickets, keyOf(ticket), { status }, { subresource: 'status' });
    },
    async claim(builder, ticket) {
      const { name, namespace = '', uid = '' } = ticket.metadata;
      const { sandbox } = ticket.spec;
      await client.mergePatch(Builders, keyOf(builder), { spec: { ticket: { name, namespace, uid }, sandbox } });
      await client.mergePatch(
        BuilderTickets,
        keyOf(ticket),
        { status: { phase: 'Assigned' } },
        { subresource: 'status' },
      );
      await until(
        `the use of ${builder.metadata.name}`,
        () => machine(builder.metadata.name).status?.phase === 'Running',
      );
    },
    async release(name) {
      const builder = machine(name);
      const uses = (builder.status?.uses ?? 0) + 1;
      await tell(world, builder, { phase: 'Releasing', uses, releasedAt: toTimestamp(systemClock.now()) });
      await client.mergePatch(Builders, keyOf(builder), { spec: { ticket: null } });
      await tell(world, builder, { phase: 'Ready' });
    },
    until,
    async stop() {
      await Promise.all(managers.map((manager) => manager.stop()));
      await client.close();
    },
  };
}
