import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Registry } from 'prom-client';
import type { Clock } from '../../lib/clock.ts';
import { DeadlineError } from '../../lib/errors.ts';
import { startHealthServer } from '../../lib/http/health-server.ts';
import { listen } from '../../lib/listen.ts';
import type { Logger } from '../../lib/log.ts';
import { tokenKey } from '../../lib/protocol/token.ts';
import { connectRedis } from '../../lib/redis/client.ts';
import { metricsTokenFile } from '../../lib/settings.ts';
import { SigndClient } from '../../lib/signd/client.ts';
import { secureContextSource } from '../../lib/signd/credentials.ts';
import { DetachedSigner } from '../../lib/signd/detached.ts';
import { KeygenClient } from '../../lib/signd/keygen-client.ts';
import { describeError } from './api-error.ts';
import { type Config, frontendURL } from './config.ts';
import { housekeep, prepareDataDirectory } from './housekeeping.ts';
import { createApp } from './http/app.ts';
import { Authenticator } from './http/auth.ts';
import { LiveLogs } from './ingest/live-log.ts';
import { LiveLogStream } from './ingest/live-log-stream.ts';
import { TaskStore } from './ingest/task-store.ts';
import { Uploads } from './ingest/uploads.ts';
import { createMetrics } from './metrics.ts';
import { pathsOf } from './paths.ts';
import { ProjectGate } from './project/gate.ts';
import { Projects } from './project/projects.ts';
import { Publisher } from './publication/publisher.ts';
import { RecordStore } from './records.ts';
import { Removals } from './removal/removals.ts';
import { RemovedBuilds } from './removal/removed-builds.ts';
import { RepositoryEngine } from './repository/engine.ts';
import { ProjectSigner } from './signer.ts';
import { UploadStore } from './uploads/store.ts';

/** A connection on which nothing moves for this long is ended; uploads as a whole may take as long as they need. */
const IDLE_MS = 60_000;

export interface ServiceTools {
  clock: Clock;
  log: Logger;
  registry: Registry;
}

export interface Service {
  ports: { http: number; metrics: number };
  /** Takes no new work and resolves when what is under way has ended. Throws DeadlineError; unfinished work goes on at the next start. */
  stop(drainMs: number): Promise<void>;
}

export async function startService(config: Config, { clock, log, registry }: ServiceTools): Promise<Service> {
  const paths = pathsOf(config.KOPR_DATA_DIR);
  const authenticator = new Authenticator(
    tokenKey(readFileSync(config.KOPR_TOKEN_KEY_FILE)),
    clock,
    config.KOPR_UPLOAD_KEY_FILE === undefined ? undefined : tokenKey(readFileSync(config.KOPR_UPLOAD_KEY_FILE)),
  );
  await prepareDataDirectory(paths);

  const metrics = createMetrics(registry);
  const records = new RecordStore(paths);
  const gate = new ProjectGate(paths);
  const removed = new RemovedBuilds(paths);
  const tasks = new TaskStore({ paths, gate, records, removed, log });
  const signer = createSigner(config, { clock, log, registry }, metrics);
  const engine = new RepositoryEngine({
    paths,
    gate,
    removed,
    clock,
    log,
    metrics,
    signer: {
      sign: (name, data) => signer.sign(name, data),
      certificate: async (name) => (await signer.certificate(name)).armored,
    },
    concurrency: config.KOPR_CREATEREPO_CONCURRENCY,
    workers: config.KOPR_CREATEREPO_WORKERS,
  });
  const publisher = new Publisher({
    paths,
    gate,
    tasks,
    records,
    signer,
    engine,
    clock,
    log,
    metrics,
    concurrency: config.KOPR_PUBLISH_CONCURRENCY,
  });
  const projects = new Projects({
    paths,
    gate,
    clock,
    log,
    signer,
    engine,
    tasks,
    resultsURL: config.KOPR_RESULTS_URL,
    frontendURL: frontendURL(config),
  });
  const redis =
    config.KOPR_REDIS_URL === undefined
      ? undefined
      : connectRedis({ url: config.KOPR_REDIS_URL, clock, log, random: Math.random });
  const stream = redis && new LiveLogStream({ redis, pieces: metrics.logPieces });
  const removals = new Removals({ paths, gate, tasks, removed, engine, log });
  const logs = new LiveLogs({ paths, gate, tasks, metrics, maxBytes: config.KOPR_MAX_LOG_BYTES, stream });
  const uploads = new Uploads({
    paths,
    tasks,
    metrics,
    maxFileBytes: config.KOPR_MAX_FILE_BYTES,
    maxTaskBytes: config.KOPR_MAX_TASK_BYTES,
    minFreeBytes: config.KOPR_MIN_FREE_BYTES,
  });

  const uploadStore = new UploadStore({
    paths,
    clock,
    metrics,
    maxBytes: config.KOPR_MAX_UPLOAD_BYTES,
    minFreeBytes: config.KOPR_MIN_FREE_BYTES,
    random: randomBytes,
  });

  const server = createServer(
    createApp({ authenticator, tasks, logs, uploads, uploadStore, publisher, projects, removals, clock, log }),
  );
  server.headersTimeout = 15_000;
  server.requestTimeout = 0;
  server.timeout = IDLE_MS + 10_000;
  const port = await listen(server, { port: config.KOPR_HTTP_PORT });
  const stopping = new AbortController();
  const health = await startHealthServer({
    port: config.KOPR_METRICS_PORT,
    registry,
    ready: () => (stopping.signal.aborted ? 'the publisher is stopping' : undefined),
    metricsTokenFile: metricsTokenFile(config),
  });
  const housekeeping = housekeep(
    { paths, records, removed, clock, log, stagingDays: config.KOPR_STAGING_DAYS, recordDays: config.KOPR_RECORD_DAYS },
    stopping.signal,
  );
  publisher
    .resume()
    .catch((error: unknown) => log.error(describeError(error), 'unfinished publications cannot be read'));
  removals.resume().catch((error: unknown) => log.error(describeError(error), 'unfinished removals cannot be read'));

  const drained = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    await publisher.idle();
    await removals.idle();
    await engine.idle();
    await closed;
    await housekeeping;
  };
  return {
    ports: { http: port, metrics: health.port },
    async stop(drainMs) {
      stopping.abort();
      const timer = new AbortController();
      const deadline = clock.sleep(drainMs, timer.signal).then(() => {
        throw new DeadlineError('the work under way', drainMs);
      });
      try {
        await Promise.race([drained(), deadline]);
      } finally {
        timer.abort();
        deadline.catch(() => undefined);
        server.closeAllConnections();
        redis?.close();
        await health.close();
      }
    },
  };
}

function createSigner(
  config: Config,
  { clock, log }: ServiceTools,
  metrics: ReturnType<typeof createMetrics>,
): ProjectSigner {
  const context = secureContextSource({
    cert: config.KOPR_TLS_CERT,
    key: config.KOPR_TLS_KEY,
    ca: config.KOPR_TLS_CA,
  });
  context();
  const host = config.KOPR_KEYGEN_HOST;
  const signd = new SigndClient({
    endpoint: { host, port: config.KOPR_KEYGEN_SIGND_PORT, secureContext: context },
    clock,
    log,
  });
  const keygen = new KeygenClient({
    endpoint: { host, port: config.KOPR_KEYGEN_HTTP_PORT, secureContext: context },
    clock,
    log,
  });
  return new ProjectSigner({
    signd,
    keygen,
    detached: new DetachedSigner(signd, clock),
    domain: config.KOPR_SIGN_DOMAIN,
    clock,
    log,
    metrics,
  });
}
