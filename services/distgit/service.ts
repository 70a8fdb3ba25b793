import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { Registry } from 'prom-client';
import type { Clock } from '../../lib/clock.ts';
import { startHealthServer } from '../../lib/http/health-server.ts';
import { listen } from '../../lib/listen.ts';
import { KeyedLock, Semaphore } from '../../lib/locks.ts';
import type { Logger } from '../../lib/log.ts';
import { tokenKey } from '../../lib/protocol/token.ts';
import { ClientLimit } from './client-limit.ts';
import type { Config } from './config.ts';
import { createControlServer } from './control-server.ts';
import { keepHouse, prepareLayout } from './housekeeping.ts';
import { ImportJobs } from './import-jobs.ts';
import { type Layout, layoutOf } from './layout.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createPublicServer } from './public-server.ts';
import { ReadAccess } from './read-access.ts';
import { removeProject } from './remove-project.ts';

export interface Service {
  httpPort: number;
  controlPort: number;
  metricsPort: number;
  /** Drains and closes; resolves when nothing of the service runs any more. */
  stop(): Promise<void>;
}

const MAX_JOBS = 1000;
const MAX_FILES = 20_000;
/** Together below the 30 s Kubernetes grants a pod to end. */
const IMPORT_GRACE_MS = 15_000;
const RESPONSE_GRACE_MS = 5_000;
const CLOSE_STEP_MS = 50;

/** Everything of the process but signals and exit codes. Ports of 0 take free ones. */
export async function startService(config: Config, clock: Clock, log: Logger): Promise<Service> {
  const key = tokenKey(await readFile(config.tokenKeyFile));
  const registry = new Registry();
  const metrics = createMetrics(registry);
  const layout = layoutOf(config.dataDir);
  await prepareLayout(layout);
  const jobs = createJobs(config, layout, clock, log, metrics);
  let deletions = 0;
  const control = createControlServer({
    key,
    clock,
    log,
    jobs,
    removeProject: async (owner, project) => {
      deletions += 1;
      const mark = `${clock.now()}-${deletions}`;
      await jobs.deleteProject(owner, project, () => removeProject(layout, owner, project, mark));
      log.info({ owner, project }, 'project removed');
    },
  });
  const git = {
    root: layout.git,
    clock,
    slots: new Semaphore(config.gitConcurrency),
    maxQueue: config.gitConcurrency * 8,
    clients: new ClientLimit(config.gitPerClient),
    running: metrics.gitRunning,
  };
  const access = new ReadAccess({ key, clock, publicReads: config.publicReads });
  const requests = new ClientLimit(config.requestsPerClient);
  const open = createPublicServer({
    layout,
    log,
    metrics,
    git,
    access,
    requests,
    trustedProxies: config.trustedProxies,
  });
  let notReady: string | undefined = 'the servers are starting';
  const health = await startHealthServer({
    port: config.metricsPort,
    registry,
    ready: () => notReady,
    metricsTokenFile: config.metricsTokenFile,
  });
  const controlPort = await listen(control, { port: config.controlPort });
  const httpPort = await listen(open, { port: config.httpPort });
  notReady = undefined;
  const stopping = new AbortController();
  const house = keepHouse({ layout, clock, log, metrics, logRetentionMs: config.logRetentionMs }, stopping.signal);
  log.info({ httpPort, controlPort, metricsPort: health.port, dataDir: config.dataDir }, 'distgit is ready');
  return {
    httpPort,
    controlPort,
    metricsPort: health.port,
    stop: async () => {
      notReady = 'the process is shutting down';
      stopping.abort();
      await jobs.stop(IMPORT_GRACE_MS);
      await Promise.all([house, close(control, clock), close(open, clock)]);
      await health.close();
    },
  };
}

function createJobs(config: Config, layout: Layout, clock: Clock, log: Logger, metrics: Metrics): ImportJobs {
  return new ImportJobs(
    {
      layout,
      clock,
      log,
      metrics,
      fetchRules: { origins: config.srpmOrigins, maxBytes: config.maxSrpmBytes },
      unpackLimits: { files: MAX_FILES, bytes: config.maxUnpackedBytes },
      packageLocks: new KeyedLock(),
    },
    { concurrency: config.importConcurrency, jobs: MAX_JOBS, deadlineMs: config.importDeadlineMs },
  );
}

/** Answers under way get a moment; then connections are cut, and with them their git processes end. */
async function close(server: Server, clock: Clock): Promise<void> {
  let open = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve())).then(() => {
    open = false;
  });
  for (let waited = 0; open && waited < RESPONSE_GRACE_MS; waited += CLOSE_STEP_MS) {
    // Kept-alive connections become idle one by one as their last answers are sent.
    server.closeIdleConnections();
    await Promise.race([closed, clock.sleep(CLOSE_STEP_MS)]);
  }
  server.closeAllConnections();
  await closed;
}
