import { collectDefaultMetrics, Registry } from 'prom-client';
import { systemClock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import { loadAccess } from '../../operator/access.ts';
import { createClient } from '../../operator/client.ts';
import { environment, HELP, readConfig } from './config.ts';
import { startService } from './service.ts';

/** Clients wait while the API server is asked: it has to answer soon, or they are told that it does not. */
const REQUEST_MS = 10_000;
const ATTEMPTS = 3;

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  if (args.length > 0) {
    process.stderr.write(`resalloc: "${args[0]}" is not known; resalloc takes no arguments but --help\n`);
    process.exitCode = 2;
    return;
  }
  const config = readConfig(environment());
  const clock = systemClock;
  const log = createLogger('resalloc', config.logLevel);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const access = await loadAccess({ clock, ...config.apiServer });
  const client = createClient({
    access,
    clock,
    log,
    registry,
    userAgent: 'kopr-resalloc',
    timeoutMs: REQUEST_MS,
    retry: { attempts: ATTEMPTS },
  });
  const ended = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });
  const started = startService(config, { client, clock, log, registry });
  // Told to end before the API server has answered: there is nothing to bring to an end.
  const service = await Promise.race([started, ended.then(() => undefined)]);
  if (service === undefined) process.exit(0);
  log.info({ ports: service.ports }, 'resalloc is ready');
  const signal = await ended;
  log.info({ signal }, 'resalloc is stopping');
  await service.stop();
  await client.close();
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`resalloc cannot start: ${errorMessage(error)}\n`);
  process.exit(1);
});
