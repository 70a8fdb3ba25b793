import { Registry } from 'prom-client';
import { aBuilder, ago, aPool, aProject, aTicket, NOW } from '../controllers/testing/objects.ts';
import { createSchedulerMetrics } from '../controllers/ticket/metrics.ts';
import type { SchedulerStores } from '../controllers/ticket/observe.ts';
import { createObserver, STAND, SUSPENDED, standOf } from '../controllers/ticket/observe.ts';
import { schedule } from '../controllers/ticket/schedule.ts';
import { SimulatedCluster } from '../controllers/ticket/testing/cluster.ts';
import type { Builder } from '../crds/builder.ts';
import type { BuilderPool } from '../crds/builderpool.ts';
import type { BuilderTicket } from '../crds/builderticket.ts';
import type { BuildQuota } from '../crds/buildquota.ts';
import { API_VERSION } from '../crds/kind.ts';
import type { Project } from '../crds/project.ts';
import { systemClock } from '../lib/clock.ts';
import type { Namespace } from '../operator/core.ts';
import type { KubeObject } from '../operator/resource.ts';
import { ObjectStore } from '../operator/store.ts';
import { quietLog } from '../operator/testing/harness.ts';
import { measure } from './measure.ts';
import type { Figure } from './ranges.ts';

const OWNERS = 200;
const RUNNING = 400;

/** Decisions of the scheduler over caches as large as they get, without any API server. */
export function schedulerFigures(): Figure[] {
  return [...cycles(10_000, { full: 20, rss: 400 }), ...cycles(50_000, {}), simulation()];
}

/** Whole cycles: the snapshot, the decision, the metrics. */
function cycles(waiting: number, targets: { full?: number; rss?: number }): Figure[] {
  const label = `${waiting / 1000}k`;
  const figures: Figure[] = [];
  for (const free of [0, 50, 1000]) {
    const stores = storesOf(waiting, RUNNING + free);
    const observe = createObserver(stores, { buildsNamespace: 'kopr-builds', releaseNamespace: 'kopr-system' });
    const metrics = createSchedulerMetrics(new Registry(), systemClock);
    const cycle = (): void => metrics.cycle(1, schedule(observe(), NOW));
    const name = free === 0 ? 'no place free' : `${free} places free`;
    const target = targets.full === undefined ? {} : { target: targets.full };
    figures.push({ name: `cycle, ${label} waiting, ${name}`, value: measure(20, cycle).mean, unit: 'ms', ...target });
  }
  const rss = process.memoryUsage().rss / 1e6;
  const target = targets.rss === undefined ? {} : { target: targets.rss };
  return [...figures, { name: `memory, ${label} waiting`, value: rss, unit: 'MB', ...target }];
}

function storesOf(waiting: number, places: number): SchedulerStores {
  const tickets = new ObjectStore<BuilderTicket>(quietLog);
  tickets.addIndex(STAND, (ticket) => [standOf(ticket)]);
  const builders = new ObjectStore<Builder>(quietLog);
  for (let index = 0; index < waiting + RUNNING; index++) {
    const ticket = reparsed(ticketNo(index, index < RUNNING));
    tickets.upsert(ticket);
    if (index < RUNNING) builders.upsert(reparsed(aBuilder(ticket, { phase: 'Running' })));
  }
  const projects = storeOf<Project>(aProject({ suspend: true }));
  projects.addIndex(SUSPENDED, (project) => [String(project.spec.suspend)]);
  return {
    tickets,
    builders,
    projects,
    pools: storeOf<BuilderPool>(
      aPool('default', { max: places, maxStarting: 1000, tags: [{ name: 'big', priority: 1 }] }),
    ),
    quotas: storeOf<BuildQuota>({
      apiVersion: API_VERSION,
      kind: 'BuildQuota',
      metadata: { name: 'default', namespace: 'kopr-system' },
      spec: { maxRunning: 90, maxRunningPerSandbox: 60, weight: 100 },
    }),
    namespaces: storeOf<Namespace>(),
  };
}

function ticketNo(index: number, assigned: boolean): BuilderTicket {
  const owner = `owner-${(index * 7919) % OWNERS}`;
  const project = `project-${index % 7}`;
  const spec = {
    owner,
    project,
    sandbox: `${owner}/${project}`,
    architecture: ['x86_64', 'i386', 'noarch'][index % 3] ?? 'noarch',
    tags: index % 20 === 0 ? ['big'] : [],
    priority: (index % 3 === 2 ? 1000 : 0) - (index % 7 === 0 ? 100_000 : 0),
  };
  const status = assigned ? ({ phase: 'Assigned' } as const) : undefined;
  return aTicket(`stage-${index}`, spec, status, { creationTimestamp: ago((index * 31) % 5000) });
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

/** Dispatches a second while 2,000 stages queue and builders end one by one. */
function simulation(): Figure {
  const cluster = new SimulatedCluster([aPool('default', { max: 50, maxStarting: 50 })]);
  for (let index = 0; index < 2_000; index++) cluster.arrive(`owner-${index % 20}`, `project-${index % 3}`);
  const started = performance.now();
  let dispatched = 0;
  while (dispatched < 500) {
    dispatched += cluster.cycle().assign.length;
    for (const name of cluster.in('Starting').slice(0, 5)) cluster.complete(name);
  }
  const seconds = (performance.now() - started) / 1000;
  return { name: 'dispatches in memory, 2k waiting', value: dispatched / seconds, unit: '/s', target: 50 };
}
