/** The operator without its controller of builder pods: what builders do is played by the benchmark. */
import { Registry } from 'prom-client';
import { Agent } from 'undici';
import { environment, readConfig } from '../../controllers/config.ts';
import { addControllers } from '../../controllers/controllers.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/log.ts';
import { tokenKey } from '../../lib/protocol/token.ts';
import { loadAccess } from '../../operator/access.ts';
import { createClient } from '../../operator/client.ts';
import type { Manager } from '../../operator/manager.ts';
import { createManager } from '../../operator/manager.ts';

const config = readConfig(environment());
const clock = systemClock;
const registry = new Registry();
const log = createLogger('operator', config.logLevel);
const access = await loadAccess({ clock, ...config.apiServer });
const manager = createManager({
  client: createClient({ access, clock, log, registry, userAgent: 'kopr-operator' }),
  clock,
  log,
  registry,
  name: 'kopr.dev/operator',
  instance: config.podName,
  metricsPort: config.metricsPort,
  metricsTokenFile: config.metricsTokenFile,
});
const others: Manager = {
  ...manager,
  addController: (options) => {
    if (options.name !== 'builder') manager.addController(options);
  },
};
addControllers(others, {
  config,
  clock,
  registry,
  tokenKey: tokenKey(config.tokenKey),
  dispatcher: new Agent({ connections: 32 }),
});
await manager.start();
log.info({ ports: { metrics: manager.metricsPort } }, 'operator is ready');
process.once('SIGTERM', () => {
  void manager.stop().then(() => process.exit(0));
});
