import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Registry } from 'prom-client';
import { aBuilder, ago, aPool, aProject, aTicket, NOW } from '../controllers/testing/objects.ts';
import { createSchedulerMetrics } from '../controllers/ticket/metrics.ts';
import type { SchedulerStores } from '../controllers/ticket/observe.ts';
import { createObserver, STAND, SUSPENDED, standOf } from '../controllers/ticket/observe.ts';
import { schedule } from '../controllers/ticket/schedule.ts';
import { SimulatedCluster } from '../controllers/ticket/testing/cluster.ts';
import type { SchedulerWorld } from '../controllers/ticket/world.ts';
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
export async function schedulerFigures(): Promise<Figure[]> {
  return [...cycles(10_000, 20), await memory(10_000, 400), ...cycles(50_000), await memory(50_000), simulation()];
}

/** What Node takes for its heap in the operator's container. Most of what is resident is garbage not yet collected. */
const HEAP_MB = 512;

/** In a process of its own: one that has done something else before holds memory for that. */
async function memory(waiting: number, target?: number): Promise<Figure> {
  const script = fileURLToPath(new URL('./memory.ts', import.meta.url));
  const args = [`--max-old-space-size=${HEAP_MB}`, script, String(waiting)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  const value = Number(stdout);
  return {
    name: `memory, ${waiting / 1000}k waiting`,
    value,
    unit: 'MB',
    rough: true,
    ...(target === undefined ? {} : { target }),
  };
}

/** Whole cycles: the snapshot, the decision, the metrics. */
function cycles(waiting: number, target?: number): Figure[] {
  return [0, 50, 1000].map((free) => {
    const observe = observerOver(waiting, free);
    const metrics = createSchedulerMetrics(new Registry(), systemClock);
    const ms = measure(25, () => metrics.cycle(1, schedule(observe(), NOW)));
    const places = free === 0 ? 'no place free' : `${free} places free`;
    const name = `cycle, ${waiting / 1000}k waiting, ${places}`;
    // With a thousand free places there is a thousand times as much to decide.
    return { name, value: ms, unit: 'ms', ...(target === undefined || free > 100 ? {} : { target }) };
  });
}

/** Snapshots of caches with so many waiting tickets and free places. */
export function observerOver(waiting: number, free: number): () => SchedulerWorld {
  return createObserver(storesOf(waiting, RUNNING + free), {
    buildsNamespace: 'kopr-builds',
    releaseNamespace: 'kopr-system',
  });
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

/** Dispatches a second while 3,000 stages queue and builders end one by one. */
function simulation(): Figure {
  const cluster = new SimulatedCluster([aPool('default', { max: 50, maxStarting: 50 })]);
  for (let index = 0; index < 3_000; index++) cluster.arrive(`owner-${index % 20}`, `project-${index % 3}`);
  let dispatched = 0;
  const ms = measure(100, () => {
    dispatched += cluster.cycle().assign.length;
    for (const name of cluster.in('Starting').slice(0, 5)) cluster.complete(name);
  });
  const each = dispatched / (4 * 100);
  return { name: 'dispatches in memory, 3k waiting', value: (1000 * each) / ms, unit: '/s', target: 50, rough: true };
}
