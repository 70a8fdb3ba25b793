import { Registry } from 'prom-client';
import { aTicket } from '../controllers/testing/objects.ts';
import { addTicketController } from '../controllers/ticket/index.ts';
import { createSchedulerMetrics } from '../controllers/ticket/metrics.ts';
import { Builders } from '../crds/builder.ts';
import { BuilderPools } from '../crds/builderpool.ts';
import { BuilderTickets } from '../crds/builderticket.ts';
import { installCRDs } from '../crds/testing/install.ts';
import { systemClock } from '../lib/clock.ts';
import { loadAccess } from '../operator/access.ts';
import type { ApiClient } from '../operator/client.ts';
import { createClient } from '../operator/client.ts';
import { Namespaces } from '../operator/core.ts';
import type { Manager } from '../operator/manager.ts';
import { createManager } from '../operator/manager.ts';
import { startEnvtest } from '../operator/testing/envtest.ts';
import { eventually, quietLog } from '../operator/testing/harness.ts';
import { summarize } from './measure.ts';
import { createOpened } from './opened.ts';
import type { Figure } from './ranges.ts';

const BURST = 300;
const SINGLES = 60;
const NAMESPACE = { demo: 'demo', builds: 'kopr-builds', release: 'kopr-system' };

/** The scheduler against a real API server: a burst that it finds waiting, then stages that come one by one. */
export async function dispatchFigures(): Promise<Figure[]> {
  const opened = createOpened();
  try {
    const envtest = await startEnvtest();
    opened.push(() => envtest.stop());
    const access = await loadAccess({ clock: systemClock, kubeconfig: envtest.kubeconfig });
    const client = createClient({
      access,
      clock: systemClock,
      log: quietLog,
      registry: new Registry(),
      userAgent: 'bench',
    });
    opened.push(() => client.close());
    return await figures(client);
  } finally {
    await opened.stop();
  }
}

async function figures(client: ApiClient): Promise<Figure[]> {
  await installCRDs(client);
  for (const name of Object.values(NAMESPACE)) await client.create(Namespaces, { metadata: { name } });
  await client.create(BuilderPools, {
    metadata: { name: 'default', namespace: NAMESPACE.builds },
    spec: { pod: {}, architectures: ['x86_64'], max: 10_000, maxStarting: 10_000 } as never,
  });
  await inBatches(BURST, (index) => createTicket(client, `burst-${index}`));
  const manager = createScheduler(client);
  const builders = manager.store(Builders);
  const started = performance.now();
  await manager.start();
  try {
    await eventually('the burst to be dispatched', () => builders.size === BURST, 60_000);
    const burst = BURST / ((performance.now() - started) / 1000);
    const waits = summarize(await singles(client, manager));
    return [
      { name: `dispatches on an API server, burst of ${BURST}`, value: burst, unit: '/s', target: 20, rough: true },
      { name: 'dispatch of a new stage, p50', value: waits.p50, unit: 'ms', rough: true },
      { name: 'dispatch of a new stage, p99', value: waits.p99, unit: 'ms', target: 100, rough: true },
    ];
  } finally {
    await manager.stop();
  }
}

/** Milliseconds from the creation of a ticket to its Builder, as a watcher sees it. */
async function singles(client: ApiClient, manager: Manager): Promise<number[]> {
  const arrivals = new Map<string, number>();
  const end = manager.store(Builders).subscribe(({ now, initial }) => {
    if (now !== undefined && !initial) arrivals.set(now.spec.ticket?.name ?? '', performance.now());
  });
  const waits: number[] = [];
  for (let index = 0; index < SINGLES; index++) {
    const name = `single-${index}`;
    await createTicket(client, name);
    const created = performance.now();
    await eventually('the dispatch of a stage', () => arrivals.has(name), 10_000);
    waits.push(Math.max(0, (arrivals.get(name) ?? created) - created));
  }
  end();
  return waits;
}

function createScheduler(client: ApiClient): Manager {
  const registry = new Registry();
  const manager = createManager({
    client,
    clock: systemClock,
    log: quietLog,
    registry,
    name: 'kopr.dev/bench',
    instance: 'bench',
  });
  addTicketController(manager, {
    buildsNamespace: NAMESPACE.builds,
    releaseNamespace: NAMESPACE.release,
    metrics: createSchedulerMetrics(registry, systemClock),
  });
  return manager;
}

async function createTicket(client: ApiClient, name: string): Promise<void> {
  const { spec } = aTicket(name);
  await client.create(BuilderTickets, { metadata: { name, namespace: NAMESPACE.demo }, spec });
}

async function inBatches(count: number, work: (index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += 20) {
    const size = Math.min(20, count - from);
    await Promise.all(Array.from({ length: size }, (_, index) => work(from + index)));
  }
}
