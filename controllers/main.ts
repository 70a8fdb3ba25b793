/** The operator: every controller in one process. One replica leads, the others hold warm caches. */
import { randomUUID } from 'node:crypto';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { Agent } from 'undici';
import { systemClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { createLogger } from '../lib/log.ts';
import { tokenKey } from '../lib/protocol/token.ts';
import { loadAccess } from '../operator/access.ts';
import { createClient } from '../operator/client.ts';
import { createManager } from '../operator/manager.ts';
import type { OperatorConfig } from './config.ts';
import { environment, HELP, readConfig } from './config.ts';
import { addControllers } from './controllers.ts';

/**
 * How long the API server may be away while this process starts. Longer than the ten minutes after which the kubelet
 * forgets earlier deaths: an outage, however long, must not add up to a pause of minutes after it.
 */
const SYNC_TIMEOUT_MS = 15 * 60_000;

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  if (args.length > 0) {
    process.stderr.write(`operator: "${args[0]}" is not known; the operator takes no arguments but --help\n`);
    process.exitCode = 2;
    return;
  }
  await run(readConfig(environment()));
}

async function run(config: OperatorConfig): Promise<void> {
  const clock = systemClock;
  const log = createLogger('operator', config.logLevel);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const access = await loadAccess({ clock, ...config.apiServer });
  const client = createClient({ access, clock, log, registry, userAgent: 'kopr-operator' });
  const manager = createManager({
    client,
    clock,
    log,
    registry,
    name: 'kopr.dev/operator',
    instance: config.podName,
    leaderElection: {
      namespace: config.releaseNamespace,
      name: 'kopr-operator',
      // A pod's name survives the restart of its container; an identity must not.
      identity: `${config.podName}_${randomUUID()}`,
      onLost: (reason) => {
        log.fatal({ reason }, 'no longer the leader; ending, since the work may be another replica’s now');
        process.exit(1);
      },
    },
    scopes: {
      pods: { namespaces: [config.buildsNamespace] },
      'jobs.batch': { namespaces: [config.buildsNamespace] },
      'builders.kopr.dev': { namespaces: [config.buildsNamespace] },
      'builderpools.kopr.dev': { namespaces: [config.buildsNamespace] },
    },
    syncTimeoutMs: SYNC_TIMEOUT_MS,
    metricsPort: config.metricsPort,
    metricsTokenFile: config.metricsTokenFile,
  });
  addControllers(manager, {
    config,
    clock,
    registry,
    tokenKey: tokenKey(config.tokenKey),
    dispatcher: new Agent({ connections: 32, headersTimeout: 30_000, bodyTimeout: 30_000 }),
  });

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'operator is stopping');
    manager.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error: errorMessage(error) }, 'operator did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  await manager.start();
  log.info({ ports: { metrics: manager.metricsPort } }, 'operator is ready');
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`operator cannot start: ${errorMessage(error)}\n`);
  process.exit(1);
});
