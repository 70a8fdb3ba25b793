/** Plays those who have to do with machines but the machine controller: fleet, scheduler, and the stage that is built. */
import type { Builder } from '../../../crds/builder.ts';
import { Builders } from '../../../crds/builder.ts';
import { BuilderPools } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { BuilderTickets } from '../../../crds/builderticket.ts';
import { ChrootBuilds } from '../../../crds/chrootbuild.ts';
import { Jobs, Pods, Secrets } from '../../../operator/core.ts';
import { eventually } from '../../../operator/testing/harness.ts';
import { MACHINE_FINALIZER } from '../../hook/names.ts';
import { aCommandPool, HOST_KEY } from '../../hook/testing/objects.ts';
import { createServices } from '../../shared/services.ts';
import type { Operator, OperatorOptions, TestCluster } from '../../testing/cluster.ts';
import type { createPool } from '../../testing/create.ts';
import { aBinaryStage } from '../../testing/objects.ts';
import { addMachineController } from '../index.ts';
import type { Session } from '../world.ts';

const WAIT_MS = 60_000;

/** What a hook prints of a machine that can be reached. */
export const REACHABLE = `---\nhost: 10.0.0.7\nhost_key: ${HOST_KEY}\n`;
export const PROBED = `${JSON.stringify({ hostKeys: [HOST_KEY], engine: 'dnf', architecture: 'x86_64' })}\n`;

/** An operator with the machine controller alone. */
export function startMachineOperator(cluster: TestCluster, options: OperatorOptions = {}): Promise<Operator> {
  return cluster.startOperator({
    ...options,
    controllers: (manager, { config, clock, tokenKey, dispatcher }) => {
      const { publisherURL, distgitControlURL: distgitURL } = config;
      const services = createServices({ publisherURL, distgitURL, tokenKey, clock, dispatcher });
      addMachineController(manager, { services, installation: config, tokenKey, workers: 4 });
    },
  });
}

export async function createMachinePool(
  cluster: TestCluster,
  name = 'cloud',
  spec: Parameters<typeof createPool>[3] = {},
): Promise<void> {
  const { pod: _none, ...pool } = aCommandPool().spec;
  const all = { ...pool, reuse: { waitSeconds: 600, maxUses: 0, maxSeconds: 0 }, preallocated: 0, ...spec };
  await cluster.client.create(BuilderPools, {
    metadata: { name, namespace: cluster.namespaces.builds },
    spec: all,
  });
}

export class Machine {
  readonly name: string;
  private readonly cluster: TestCluster;

  constructor(cluster: TestCluster, name: string) {
    this.cluster = cluster;
    this.name = name;
  }

  static async create(cluster: TestCluster, name: string, spec: Partial<Builder['spec']> = {}): Promise<Machine> {
    const labels = { 'kopr.dev/machine-id': '7' };
    const metadata = { name, namespace: cluster.namespaces.builds, labels, finalizers: [MACHINE_FINALIZER] };
    await cluster.client.create(Builders, {
      metadata,
      spec: { pool: 'cloud', machine: { index: 0 }, architecture: 'x86_64', ...spec },
    });
    return new Machine(cluster, name);
  }

  get now(): Builder | undefined {
    return this.cluster.find(Builders, this.name);
  }

  async until(what: string, condition: (builder: Builder) => boolean): Promise<void> {
    try {
      await eventually(`${this.name}: ${what}`, () => this.now !== undefined && condition(this.now), WAIT_MS);
    } catch (error) {
      throw new Error(`machine ${this.name}: ${JSON.stringify(this.now?.status)}`, { cause: error });
    }
  }

  async gone(): Promise<void> {
    try {
      await eventually(`the end of ${this.name}`, () => this.now === undefined, WAIT_MS);
    } catch (error) {
      throw new Error(`machine ${this.name}: ${JSON.stringify(this.now?.status)}`, { cause: error });
    }
  }

  is(phase: string): Promise<void> {
    return this.until(`to be ${phase}`, ({ status }) => status?.phase === phase);
  }

  sessionIs(ticket: BuilderTicket, phase: Session['phase']): Promise<void> {
    const { uid } = ticket.metadata;
    return this.until(
      `a session that is ${phase}`,
      ({ status }) => status?.session?.ticket === uid && status?.session?.phase === phase,
    );
  }

  /** A ticket of a stage, or (without one) of a client of Resalloc, and the claim of this machine for it. */
  async claim(name: string, lent = false): Promise<BuilderTicket> {
    const { client, namespaces } = this.cluster;
    const namespace = namespaces.tenant;
    const stage = aBinaryStage('pebble-13-x86_64').spec;
    const chrootBuild = lent
      ? undefined
      : await client.create(ChrootBuilds, { metadata: { name, namespace }, spec: stage });
    const uid = chrootBuild?.metadata.uid ?? '';
    const ofStage = lent ? {} : { chrootBuild: name, chrootBuildUID: uid };
    const sandbox = 'demo/hello';
    const ticket = await client.create(BuilderTickets, {
      metadata: { name, namespace },
      spec: {
        ...ofStage,
        attempt: 1,
        owner: 'demo',
        sandbox,
        architecture: 'x86_64',
        tags: [],
        priority: 0,
        closed: false,
      },
    });
    const claim = {
      ticket: { namespace, name, uid: ticket.metadata.uid ?? '' },
      sandbox,
      ...(lent ? {} : { chrootBuild: { namespace, name, uid }, attempt: 1 }),
    };
    await client.mergePatch(Builders, `${namespaces.builds}/${this.name}`, { spec: claim });
    return ticket;
  }

  async close({ metadata: { namespace, name } }: BuilderTicket): Promise<void> {
    await this.cluster.client.mergePatch(BuilderTickets, `${namespace}/${name}`, { spec: { closed: true } });
  }

  async delete(propagationPolicy: 'Background' | 'Foreground' = 'Background'): Promise<void> {
    await this.cluster.client.delete(Builders, `${this.cluster.namespaces.builds}/${this.name}`, { propagationPolicy });
  }

  /** Names of the hooks and programs that ran for it, in order. */
  get ran(): string[] {
    return this.cluster.jobs.runs.filter(({ machine }) => machine === this.name).map(({ hook }) => hook);
  }

  /** Waits until nothing is left in the builds namespace that was made for it. */
  async nothingLeft(): Promise<void> {
    const mine = ({
      metadata,
    }: {
      metadata: { annotations?: Record<string, string>; ownerReferences?: { name: string }[] };
    }) =>
      metadata.annotations?.['kopr.dev/builder'] === this.name ||
      metadata.ownerReferences?.some(({ name }) => name === this.name) === true;
    const left = () =>
      [...this.cluster.list(Jobs), ...this.cluster.list(Pods), ...this.cluster.list(Secrets)]
        .filter(mine)
        .map(({ metadata }) => metadata.name);
    try {
      await eventually(`that nothing is left of ${this.name}`, () => left().length === 0, WAIT_MS);
    } catch (error) {
      throw new Error(`left of ${this.name}: ${left().join(', ')}`, { cause: error });
    }
  }
}
