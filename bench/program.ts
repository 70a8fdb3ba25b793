/** What the benchmark's own variants of the operator have in common: controllers on a manager, in a process. */
import { Registry } from 'prom-client';
import type { OperatorConfig } from '../controllers/config.ts';
import { environment, readConfig } from '../controllers/config.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import { loadAccess } from '../operator/access.ts';
import { createClient } from '../operator/client.ts';
import type { Manager } from '../operator/manager.ts';
import { createManager } from '../operator/manager.ts';

/** Says when it is ready as the operator does, and ends at SIGTERM. Always leads. */
export async function runProgram(
  add: (manager: Manager, config: OperatorConfig, registry: Registry) => void,
): Promise<void> {
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
  add(manager, config, registry);
  await manager.start();
  log.info({ ports: { metrics: manager.metricsPort } }, 'operator is ready');
  process.once('SIGTERM', () => {
    void manager.stop().then(() => process.exit(0));
  });
}
