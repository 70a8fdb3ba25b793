import { Registry } from 'prom-client';
import { Agent } from 'undici';
import { Builds } from '../../crds/build.ts';
import { Builders } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { Packages } from '../../crds/package.ts';
import { Projects } from '../../crds/project.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { CacheScope } from '../../operator/informer.ts';
import type { LeaderElectionOptions } from '../../operator/leader.ts';
import type { Manager } from '../../operator/manager.ts';
import { createManager } from '../../operator/manager.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import type { Change } from '../../operator/store.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../operator/testing/realApi.ts';
import type { ControllerSetup } from '../controllers.ts';
import { addControllers } from '../controllers.ts';
import { Blade } from './blade.ts';
import { addCollector } from './collector.ts';
import { CHROOTS, createChroot, createPool } from './create.ts';
import { JobPlayer } from './jobs.ts';
import { Kubelet } from './kubelet.ts';
import type { Standins } from './standins.ts';
import { startStandins, TOKEN_KEY } from './standins.ts';

/** A real API server on which everything but the operator is played: nodes, garbage collector, publisher, distgit. */
export interface TestCluster {
  client: ApiClient;
  standins: Standins;
  kubelet: Kubelet;
  jobs: JobPlayer;
  /** Namespaces of this cluster alone: of one owner, of builders, and of the installation. */
  namespaces: { tenant: string; builds: string; release: string };
  seen: Sightings;
  /** What the API server holds, from a cache: asking again and again costs nothing. */
  find<T extends KubeObject>(type: ResourceType<T>, name: string): T | undefined;
  list<T extends KubeObject>(type: ResourceType<T>): T[];
  /** Every change of objects of this type, until the returned function is called. */
  watch<T extends KubeObject>(type: ResourceType<T>, handler: (change: Change<T>) => void): () => void;
  startOperator(options?: OperatorOptions): Promise<Operator>;
  stop(): Promise<void>;
}

export interface OperatorOptions {
  blade?: Blade;
  /** Only these controllers. Default: all. */
  controllers?: (manager: Manager, setup: ControllerSetup) => void;
  leaderElection?: Pick<LeaderElectionOptions, 'identity' | 'onLost' | 'leaseMs' | 'renewDeadlineMs' | 'retryMs'>;
}

export interface Operator {
  manager: Manager;
  registry: Registry;
  blade: Blade;
  stop(): Promise<void>;
}

/** What must never be more than one. */
export interface Sightings {
  /** Builders (uids) by ticket uid. */
  builders: Map<string, Set<string>>;
  /** Numbers by Build uid. */
  ids: Map<string, Set<number>>;
}

export async function startCluster(
  pools: { name: string; spec?: Partial<BuilderPool['spec']> }[] = [{ name: 'default' }],
) {
  const client = await realClient();
  await installCRDs(client);
  const namespaces = {
    tenant: await freshNamespace(client, 'tenant'),
    builds: await freshNamespace(client, 'builds'),
    release: await freshNamespace(client, 'release'),
  };
  for (const name of CHROOTS) await createChroot(client, name);
  for (const { name, spec } of pools) await createPool(client, namespaces.builds, name, spec);
  const standins = await startStandins();
  const kubelet = new Kubelet(standins.publisher);
  const scopes = scopesOf(namespaces);
  const world = createManager({
    client,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    name: 'kopr.dev/test',
    instance: 'test',
    scopes,
  });
  kubelet.add(world);
  const jobs = new JobPlayer();
  jobs.add(world);
  addCollector(world);
  const seen = watchSightings(world);
  for (const type of SHOWN) world.store(type);
  await world.start();
  const operators: Operator[] = [];

  async function startOperator(options: OperatorOptions = {}): Promise<Operator> {
    const blade = options.blade ?? new Blade();
    const registry = new Registry();
    const own = await realClient();
    const agent = new Agent({ connections: 8, headersTimeout: 10_000 });
    const manager = createManager({
      client: blade.client({ ...own, podLog: (key) => jobs.podLog(key) }),
      clock: systemClock,
      log: quietLog,
      registry,
      name: 'kopr.dev/operator',
      instance: options.leaderElection?.identity ?? 'operator',
      scopes,
      drainMs: 200,
      ...(options.leaderElection
        ? { leaderElection: { namespace: namespaces.release, name: 'kopr-operator', ...options.leaderElection } }
        : {}),
    });
    const add = options.controllers ?? addControllers;
    add(manager, {
      config: {
        releaseNamespace: namespaces.release,
        buildsNamespace: namespaces.builds,
        publisherURL: standins.publisherURL,
        distgitURL: 'http://distgit.example:5001',
        distgitControlURL: standins.distgitURL,
        resultsURL: 'http://results.example/results',
        resultsInternalURL: 'http://kopr-results:5002/results',
        builderImage: 'localhost/kopr-builder',
        builderImagePullPolicy: 'IfNotPresent',
        hostAliases: [],
        placeholderPriorityClass: 'kopr-placeholder',
        vendor: 'kopr',
        archive: 'none',
        uploadHours: 24,
      },
      clock: systemClock,
      registry,
      tokenKey: TOKEN_KEY,
      dispatcher: blade.dispatcher(agent),
    });
    let stopped: Promise<void> | undefined;
    const operator: Operator = {
      manager,
      registry,
      blade,
      stop() {
        stopped ??= manager
          .stop()
          .then(() => agent.destroy())
          .then(() => own.close());
        return stopped;
      },
    };
    operators.push(operator);
    await manager.start();
    return operator;
  }

  const cluster: TestCluster = {
    client,
    standins,
    kubelet,
    jobs,
    namespaces,
    seen,
    find: (type, name) =>
      world
        .store(type)
        .list()
        .find((object) => object.metadata.name === name),
    list: (type) => world.store(type).list(),
    watch: (type, handler) => world.store(type).subscribe(handler),
    startOperator,
    async stop() {
      await Promise.all(operators.map((operator) => operator.stop()));
      await world.stop();
      await standins.stop();
      await client.close();
    },
  };
  return cluster;
}

const SHOWN: ResourceType<KubeObject>[] = [Projects, Packages, BuilderPools, BuilderTickets];

/** Other test files use the same server: each sees its own namespaces only. */
function scopesOf({ tenant, builds, release }: TestCluster['namespaces']): Record<string, CacheScope> {
  const ofTenant = ['projects', 'packages', 'builds', 'chrootbuilds', 'buildertickets', 'removals'];
  return {
    ...Object.fromEntries(ofTenant.map((plural) => [`${plural}.kopr.dev`, { namespaces: [tenant] }])),
    'buildquotas.kopr.dev': { namespaces: [tenant, release] },
    'builders.kopr.dev': { namespaces: [builds] },
    'builderpools.kopr.dev': { namespaces: [builds] },
    pods: { namespaces: [builds] },
    'jobs.batch': { namespaces: [builds] },
    secrets: { namespaces: [builds] },
  };
}

function watchSightings(manager: Manager): Sightings {
  const seen: Sightings = { builders: new Map(), ids: new Map() };
  manager.store(Builders).subscribe(({ now }) => {
    if (now?.spec.ticket !== undefined) add(seen.builders, now.spec.ticket.uid, now.metadata.uid ?? '');
  });
  manager.store(Builds).subscribe(({ now }) => {
    if (now?.status?.id !== undefined) add(seen.ids, now.metadata.uid ?? '', now.status.id);
  });
  return seen;
}

function add<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key);
  if (set) set.add(value);
  else map.set(key, new Set([value]));
}
