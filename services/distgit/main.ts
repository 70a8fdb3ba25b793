import { systemClock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import { environment, HELP, loadConfig } from './config.ts';
import { startService } from './service.ts';

async function main(): Promise<void> {
  if (process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(HELP);
    return;
  }
  const config = loadConfig(environment());
  const log = createLogger('distgit', config.logLevel);
  const service = await startService(config, systemClock, log);
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });
  log.info({ signal }, 'distgit ends');
  await service.stop();
}

main().catch((error: unknown) => {
  process.stderr.write(`distgit: ${errorMessage(error)}\n`);
  process.exitCode = 1;
});
