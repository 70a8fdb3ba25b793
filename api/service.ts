import type { Registry } from 'prom-client';
import { Agent } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { atMost } from '../lib/deadline.ts';
import { startHealthServer } from '../lib/http/health-server.ts';
import type { Logger } from '../lib/log.ts';
import { tokenKey } from '../lib/protocol/token.ts';
import { connectRedis } from '../lib/redis/client.ts';
import type { ApiClient } from '../operator/apiClient.ts';
import { createArchiver } from './archive/archiver.ts';
import { createRights } from './auth/access.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import { createServiceAccounts } from './auth/service-accounts.ts';
import { createApiTokens } from './auth/tokens.ts';
import type { ClusterWorld } from './cluster/index.ts';
import type { ApiConfig } from './config.ts';
import { createCounterBatch } from './db/counterBatch.ts';
import type { Database } from './db/database.ts';
import { openDatabase } from './db/index.ts';
import { createApp } from './http/app.ts';
import { InFlight } from './http/in-flight.ts';
import type { AnyRoute } from './http/route.ts';
import { type HttpServer, startServer } from './http/server.ts';
import { createStores, type Stores } from './kube.ts';
import { createLogReader, type LogStages } from './logs/reader.ts';
import { RedisLogs } from './logs/redis-source.ts';
import type { Services } from './services.ts';
import { createUploads } from './uploads/client.ts';

/** How long the API server may be away while this process starts; as for the operator. */
const SYNC_TIMEOUT_MS = 15 * 60_000;
/** Requests still come for so long after the pod is known not to be ready: kube-proxies and Ingresses learn of it late. */
const LAME_DUCK_MS = 3_000;
const CLOSE_MS = 10_000;

export interface PartTools {
  client: ApiClient;
  stores: Stores;
  db: Database;
  config: ApiConfig;
  clock: Clock;
  log: Logger;
  random: (bytes: number) => Buffer;
}

/** What is made from the caches: parts.ts has the real ones. Both may add indexes to the caches, which are still empty. */
export interface ServiceParts {
  cluster(tools: PartTools): ClusterWorld;
  stages(tools: PartTools, cluster: ClusterWorld): LogStages;
}

export interface ServiceTools {
  client: ApiClient;
  clock: Clock;
  log: Logger;
  registry: Registry;
  random: (bytes: number) => Buffer;
  routes: readonly AnyRoute[];
  parts: ServiceParts;
  /** Default 3 s. */
  lameDuckMs?: number;
}

export interface Service {
  readonly ports: { http: number; metrics: number };
  /** Not ready → no new requests → those under way, for at most `drainMs` → archiver → caches, database. True when all ended by themselves. */
  stop(drainMs: number): Promise<boolean>;
}

/**
 * Resolves when the caches are complete and requests are answered. PostgreSQL, Redis and the publisher may be away then
 * and later: what needs them answers 503, the rest goes on.
 */
export async function startService(config: ApiConfig, tools: ServiceTools): Promise<Service> {
  const { client, clock, log, registry } = tools;
  const stopping = new AbortController();
  const { caches, stores } = createStores({ client, clock, log, registry, random: Math.random });
  const state: { server?: HttpServer } = {};
  const health = await startHealthServer({
    port: config.metricsPort,
    registry,
    ready: () => notReady(stopping.signal, caches.unsynced(), state.server),
    metricsTokenFile: config.metricsTokenFile,
  });
  const db = openDatabase({ url: config.databaseURL, clock, log, connections: config.databaseConnections });
  const counters = createCounterBatch({ counters: db.counters, clock, log });
  const archiver = createArchiver({ stores, client, db, databaseURL: config.databaseURL, clock, log, registry });
  const uploads = createUploads({
    publisherURL: config.site.publisherURL,
    key: tokenKey(config.uploadKey),
    clock,
    log,
    maxBytes: config.site.maxUploadBytes,
  });
  const redis =
    config.redisURL === undefined ? undefined : connectRedis({ url: config.redisURL, clock, log, random: Math.random });
  const dispatcher = new Agent({ connections: 64, headersTimeout: 30_000, bodyTimeout: 30_000 });
  const partTools: PartTools = { client, stores, db, config, clock, log, random: tools.random };
  const cluster = tools.parts.cluster(partTools);
  const logs = createLogReader({
    stages: tools.parts.stages(partTools, cluster),
    resultsURL: config.site.resultsInternalURL,
    redis: redis && new RedisLogs({ redis, clock, log }),
    dispatcher,
    clock,
    log,
  });
  const serviceAccounts = createServiceAccounts(client, clock);
  const tokens = createApiTokens(db.tokens, clock);
  const services: Services = {
    db,
    counters,
    cluster,
    uploads,
    logs,
    rights: createRights(serviceAccounts.decide),
    config: config.site,
    clock,
    log,
    random: tools.random,
    forgetToken: (login) => tokens.forget(login),
  };
  const inFlight = new InFlight(clock);
  const authenticator = createAuthenticator(tokens, serviceAccounts);
  const listener = createApp({ routes: tools.routes, authenticator, services, inFlight, registry });

  const closeAll = async (): Promise<void> => {
    await Promise.all([archiver.stop(), caches.stop(), counters.stop()]);
    redis?.close();
    await Promise.all([uploads.close(), db.close(), dispatcher.close()]);
    await client.close();
    await health.close();
  };

  try {
    await caches.start(SYNC_TIMEOUT_MS, stopping.signal);
    archiver.start();
    state.server = await startServer({ port: config.httpPort, listener, inFlight, clock });
  } catch (error) {
    stopping.abort(error);
    await closeAll();
    throw error;
  }
  const { server } = state;
  return {
    ports: { http: server.port, metrics: health.port },
    async stop(drainMs) {
      stopping.abort(new Error('the API is stopping'));
      await clock.sleep(tools.lameDuckMs ?? LAME_DUCK_MS);
      const drained = await server.stop(drainMs);
      const closed = await atMost(
        clock,
        CLOSE_MS,
        closeAll().then(() => true),
      );
      return drained && closed === true;
    },
  };
}

/** PostgreSQL is not asked for: without it much is still answered, and another replica would not have it either. */
function notReady(
  stopping: AbortSignal,
  unsynced: readonly string[],
  server: HttpServer | undefined,
): string | undefined {
  if (stopping.aborted) return 'the API is stopping';
  if (unsynced.length > 0) return `the caches are not complete: ${unsynced.join(', ')}`;
  return server === undefined ? 'the API does not listen yet' : undefined;
}
