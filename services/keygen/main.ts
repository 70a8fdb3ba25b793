import { collectDefaultMetrics, Registry } from 'prom-client';
import { systemClock } from '../../lib/clock.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import type { Config } from './config.ts';
import { environment, helpText, readConfig } from './config.ts';
import { startKeygen } from './keygen.ts';

const drainMs = 20_000;

/** Process of the StatefulSet `keygen`: signd protocol, keygen-httpd and metrics. Exits 0 after SIGTERM, 1 when it cannot start, 2 for wrong use. */
async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(helpText());
    return;
  }
  if (args.length > 0) {
    process.stderr.write(`keygen: "${args[0]}" is not known; keygen takes no arguments but --help\n`);
    process.exitCode = 2;
    return;
  }
  const config = readConfig(environment());
  const log = createLogger('keygen', config.KOPR_LOG_LEVEL);
  await run(config, log);
}

async function run(config: Config, log: ReturnType<typeof createLogger>): Promise<void> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const keygen = await startKeygen(config, { clock: systemClock, log, registry });
  log.info({ ports: keygen.ports, subjects: config.KOPR_ALLOWED_SUBJECTS }, 'keygen is ready');

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'keygen is stopping');
    keygen.stop(drainMs).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error: errorMessage(error) }, 'keygen did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const code = error instanceof TerminalError ? ` (${error.code})` : '';
  process.stderr.write(`keygen cannot start${code}: ${errorMessage(error)}\n`);
  process.exit(1);
});
