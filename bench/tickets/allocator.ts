/** The scheduler alone, as a process: what a machine's controller would do is played by the benchmark. */
import { Registry } from 'prom-client';
import { environment, readConfig } from '../../controllers/config.ts';
import { addTicketController } from '../../controllers/ticket/index.ts';
import { createSchedulerMetrics } from '../../controllers/ticket/metrics.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/log.ts';
import { loadAccess } from '../../operator/access.ts';
import { createClient } from '../../operator/client.ts';
import { createManager } from '../../operator/manager.ts';

const config = readConfig(environment());
const registry = new Registry();
const log = createLogger('operator', config.logLevel);
const access = await loadAccess({ clock: systemClock, ...config.apiServer });
const manager = createManager({
  client: createClient({ access, clock: systemClock, log, registry, userAgent: 'kopr-operator' }),
  clock: systemClock,
  log,
  registry,
  name: 'kopr.dev/operator',
  instance: config.podName,
  metricsPort: config.metricsPort,
  metricsTokenFile: config.metricsTokenFile,
});
addTicketController(manager, {
  buildsNamespace: config.buildsNamespace,
  releaseNamespace: config.releaseNamespace,
  metrics: createSchedulerMetrics(registry, systemClock),
});
await manager.start();
log.info({ ports: { metrics: manager.metricsPort } }, 'operator is ready');
process.once('SIGTERM', () => {
  void manager.stop().then(() => process.exit(0));
});
