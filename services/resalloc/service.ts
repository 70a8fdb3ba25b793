import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Registry } from 'prom-client';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { Clock } from '../../lib/clock.ts';
import { startHealthServer } from '../../lib/http/health-server.ts';
import { listen } from '../../lib/listen.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../operator/client.ts';
import { createCounter } from '../../operator/counter.ts';
import { createManager } from '../../operator/manager.ts';
import { createAdmission } from './auth.ts';
import type { Config } from './config.ts';
import { Fault } from './fault.ts';
import { createXmlRpcServer } from './http.ts';
import { createMethods } from './methods.ts';
import { createMetrics } from './metrics.ts';
import { TICKET_COUNTER } from './rbac.ts';
import { sweepForEver } from './sweep.ts';
import { numberOf } from './ticket.ts';
import { createWaiters } from './waiters.ts';

/** How long the API server may be away while this process starts; as for the operator. */
const SYNC_TIMEOUT_MS = 15 * 60_000;
const STEP_MS = 10_000;
const CLOSE_STEP_MS = 50;
/** Longer than a call may take, shorter than the 30 s that Kubernetes gives a pod to end. */
const DRAIN_MS = 22_000;

export interface ServiceTools {
  /** One that gives up within seconds: clients wait for every answer. */
  client: ApiClient;
  clock: Clock;
  log: Logger;
  registry: Registry;
  /** The API server has so long for each step of a call. Default 10 s. */
  stepMs?: number;
}

export interface Service {
  readonly ports: { http: number; metrics: number };
  /** Not ready → those who wait are told → calls under way end → caches. Leaves the client open. */
  stop(): Promise<void>;
}

/** Resolves when calls are answered. All state is BuilderTickets: replicas are alike, and may come and go. */
export async function startService(config: Config, tools: ServiceTools): Promise<Service> {
  const { client, clock, log, registry } = tools;
  const { releaseNamespace: namespace } = config;
  const admission = await createAdmission(config.passwordFile);
  if (config.passwordFile === undefined)
    log.warn('everybody who reaches the port may take machines: KOPR_AUTH is none');
  const manager = createManager({
    client,
    clock,
    log,
    registry,
    name: 'kopr.dev/resalloc',
    instance: 'resalloc',
    scopes: { 'buildertickets.kopr.dev': { namespaces: [namespace] } },
    syncTimeoutMs: SYNC_TIMEOUT_MS,
  });
  const tickets = manager.store(BuilderTickets);
  const waiters = createWaiters(tickets, namespace, config.maxWaiters);
  const methods = createMethods({
    client,
    namespace,
    counter: createCounter(client, {
      namespace,
      name: TICKET_COUNTER,
      highest: () => tickets.list().reduce((most, { metadata }) => Math.max(most, numberOf(metadata.name) ?? 0), 0),
    }),
    waiters,
    clock,
    log,
    synced: () => tickets.synced,
    randomName: randomUUID,
    stepMs: tools.stepMs ?? STEP_MS,
  });
  const metrics = createMetrics(registry, () => waiters.count);
  const server = createXmlRpcServer({ methods, admission, maxWaiters: config.maxWaiters, clock, log, metrics });
  let notReady: string | undefined = 'the service is starting';
  const health = await startHealthServer({
    port: config.metricsPort,
    registry,
    ready: () => notReady,
    metricsTokenFile: config.metricsTokenFile,
  });
  const stopping = new AbortController();
  try {
    await manager.start();
    const http = await listen(server, { port: config.httpPort });
    notReady = undefined;
    const sweeping = sweepForEver({ client, tickets, clock, log, random: Math.random }, stopping.signal);
    return {
      ports: { http, metrics: health.port },
      async stop() {
        notReady = 'the service is stopping';
        stopping.abort(new Error(notReady));
        // A fault and not a broken connection: the client then asks again by itself, and another replica answers.
        waiters.stop(new Fault('unavailable', 'this process of the service is stopping; ask again'));
        await Promise.all([sweeping, close(server, clock)]);
        await manager.stop();
        await health.close();
      },
    };
  } catch (error) {
    await manager.stop();
    await health.close();
    throw error;
  }
}

async function close(server: Server, clock: Clock): Promise<void> {
  let open = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve())).then(() => {
    open = false;
  });
  for (let waited = 0; open && waited < DRAIN_MS; waited += CLOSE_STEP_MS) {
    // Kept-alive connections become idle one by one as their last answers are sent.
    server.closeIdleConnections();
    await Promise.race([closed, clock.sleep(CLOSE_STEP_MS)]);
  }
  server.closeAllConnections();
  await closed;
}
