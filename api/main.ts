/** The API: `serve` (default) answers requests, `admin` manages accounts. */
import { randomBytes } from 'node:crypto';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { systemClock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage } from '../lib/errors.ts';
import { createLogger } from '../lib/log.ts';
import { loadAccess } from '../operator/access.ts';
import { createClient } from '../operator/client.ts';
import { type AdminProcess, adminMain } from './admin/main.ts';
import { standaloneOwners } from './cluster/standalone-owners.ts';
import { environment, HELP, readAccountConfig, readConfig } from './config.ts';
import { openDatabase } from './db/index.ts';
import { readOwnerTemplate, realParts } from './parts.ts';
import { routes } from './routes/index.ts';
import { startService } from './service.ts';

/** With the time that a pod stays in service after it is told to stop, and that of the last closings, less than the 60 s of the chart. */
const DRAIN_MS = 40_000;
/** A database that is away is told of after that. */
const SCHEMA_MS = 20_000;

async function main(args: readonly string[]): Promise<void> {
  const [command = 'serve', ...rest] = args;
  if (command === '--help' || (command === 'serve' && rest.includes('--help'))) {
    process.stdout.write(HELP);
    return;
  }
  if (command === 'admin') {
    process.exitCode = await adminMain(rest, {
      open: openAccounts,
      print: (text) => process.stdout.write(text),
      complain: (text) => process.stderr.write(text),
    });
    return;
  }
  if (command !== 'serve' || rest.length > 0) {
    process.stderr.write(`api: "${command === 'serve' ? rest[0] : command}" is not known; see api --help\n`);
    process.exitCode = 2;
    return;
  }
  await serve();
}

/** What the command line of accounts needs: the database, and the cluster for namespaces of owners. */
async function openAccounts(): Promise<Awaited<ReturnType<AdminProcess['open']>>> {
  const config = readAccountConfig(environment());
  const clock = systemClock;
  // Its words are for people: logs would get between them.
  const log = createLogger('admin', 'fatal');
  const template = readOwnerTemplate(config.ownerTemplateFile);
  const db = openDatabase({ url: config.databaseURL, clock, log, connections: 1 });
  const access = await loadAccess({ clock, ...config.apiServer });
  const client = createClient({ access, clock, log, registry: new Registry(), userAgent: 'kopr-admin' });
  const reserved = [config.releaseNamespace, config.buildsNamespace];
  const { frontendURL, tokenDays } = config;
  try {
    await withDeadline({ clock, ms: SCHEMA_MS, what: 'the schema of the database' }, (signal) => db.whenReady(signal));
  } catch (error) {
    await Promise.all([db.close(), client.close()]);
    throw error;
  }
  return {
    db,
    // Read when a command asks for one: most do without the cluster.
    owners: {
      ensure: async (owner, options) =>
        (await standaloneOwners({ client, clock, log, template, reserved })).ensure(owner, options),
    },
    clock,
    random: randomBytes,
    frontendURL,
    tokenDays,
    async close() {
      await Promise.all([db.close(), client.close()]);
    },
  };
}

async function serve(): Promise<void> {
  const config = readConfig(environment());
  const clock = systemClock;
  const log = createLogger('api', config.logLevel);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const access = await loadAccess({ clock, ...config.apiServer });
  const client = createClient({ access, clock, log, registry, userAgent: 'kopr-api' });
  const service = await startService(config, {
    client,
    clock,
    log,
    registry,
    random: randomBytes,
    routes,
    parts: realParts,
  });
  log.info({ ports: service.ports }, 'api is ready');

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'api is stopping');
    service.stop(DRAIN_MS).then(
      (clean) => process.exit(clean ? 0 : 1),
      (error: unknown) => {
        log.error({ error: errorMessage(error) }, 'api did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`api cannot start: ${errorMessage(error)}\n`);
  process.exit(1);
});
