import { collectDefaultMetrics, Registry } from 'prom-client';
import { systemClock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import { describeError } from './api-error.ts';
import { environment, helpText, readConfig } from './config.ts';
import { startService } from './service.ts';

const DRAIN_MS = 25_000;

/** Process of the StatefulSet `publisher`. Exits 0 after SIGTERM, 1 when it cannot start or end its work in time, 2 for wrong use. */
async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(helpText());
    return;
  }
  if (args.length > 0) {
    process.stderr.write(`publisher: "${args[0]}" is not known; publisher takes no arguments but --help\n`);
    process.exitCode = 2;
    return;
  }
  const config = readConfig(environment());
  const log = createLogger('publisher', config.KOPR_LOG_LEVEL);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const service = await startService(config, { clock: systemClock, log, registry });
  log.info({ ports: service.ports }, 'publisher is ready');

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'publisher is stopping');
    service.stop(DRAIN_MS).then(
      () => process.exit(0),
      (error: unknown) => {
        log.warn(describeError(error), 'publisher did not end its work; it goes on at the next start');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`publisher cannot start: ${errorMessage(error)}\n`);
  process.exit(1);
});
