/**
 * Runs once after an installation or upgrade: applies the Chroots, BuilderPools and the default BuildQuota that the
 * values of the chart hold. Before an uninstallation: has all machines deleted. It takes no arguments; everything is set
 * in the environment by the chart.
 */
import { readFile } from 'node:fs/promises';
import { Registry } from 'prom-client';
import { systemClock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import { loadAccess } from '../../operator/access.ts';
import { createClient } from '../../operator/client.ts';
import { bootstrap } from './apply.ts';
import { environment, readConfig } from './config.ts';
import { drain } from './drain.ts';
import { parseObjects, targets } from './objects.ts';

async function main(): Promise<void> {
  const config = readConfig(environment());
  const clock = systemClock;
  const log = createLogger('bootstrap', config.logLevel);
  const access = await loadAccess({ clock, ...config.apiServer });
  const client = createClient({ access, clock, log, registry: new Registry(), userAgent: 'kopr-bootstrap' });
  const deps = { client, clock, log };
  try {
    if (config.action === 'drain') {
      await drain(deps, config.buildsNamespace, config.timeoutMs);
      return;
    }
    const allowed = targets(config);
    const objects = parseObjects(await readFile(config.objectsFile, 'utf8'), allowed, config.release);
    await bootstrap(deps, objects, allowed, config.release, config.timeoutMs);
  } finally {
    await client.close();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`bootstrap: ${errorMessage(error)}\n`);
  process.exitCode = 1;
});
