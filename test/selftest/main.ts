/**
 * What `helm test` runs in the cluster: makes a Project, waits until it is ready, fetches its repository, the signature
 * of it and the public key, has a package built in it if it is to, and removes the Project. Ends with 0, or with 1 and
 * one sentence on standard error.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectInCluster } from './api.ts';
import type { Order } from './build.ts';
import { selftest } from './selftest.ts';
import { webExists, webFetch } from './web.ts';

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

function orderOf(link: string | undefined, chroot: string | undefined): Order | undefined {
  if (!link) return undefined;
  return { link, chroot: chroot || undefined, timeoutMs: Number(setting('KOPR_BUILD_TIMEOUT_SECONDS')) * 1000 };
}

async function main(): Promise<void> {
  const seconds = Number(setting('KOPR_TIMEOUT_SECONDS'));
  await selftest({
    api: connectInCluster(setting('KUBERNETES_SERVICE_HOST'), setting('KUBERNETES_SERVICE_PORT')),
    fetch: webFetch,
    exists: webExists,
    wait: (ms) => sleep(ms),
    elapsed: () => performance.now(),
    say: (line) => process.stdout.write(`${line}\n`),
    namespace: setting('KOPR_NAMESPACE'),
    resultsURL: setting('KOPR_RESULTS_URL'),
    internalURL: setting('KOPR_RESULTS_INTERNAL_URL'),
    timeoutMs: seconds * 1000,
    order: orderOf(process.env.KOPR_BUILD_LINK, process.env.KOPR_BUILD_CHROOT),
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`selftest: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
