import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { DeadlineError } from '../../lib/errors.ts';
import { isNotFound } from '../../operator/client.ts';
import { keyOf } from '../../operator/resource.ts';
import type { BootstrapDeps } from './apply.ts';

const PAUSE_MS = 2_000;

/**
 * Deletes every BuilderPool whose builders are machines, and waits until the operator has deleted the machines of all of
 * them: once it is gone nobody would, and they would cost money for ever. Rejects with DeadlineError when some are left.
 */
export async function drain(
  { client, clock, log }: BootstrapDeps,
  buildsNamespace: string,
  timeoutMs: number,
): Promise<void> {
  const until = clock.monotonic() + timeoutMs;
  for (;;) {
    const pools = await machinePools();
    for (const pool of pools.filter(({ metadata }) => metadata.deletionTimestamp === undefined)) {
      await client.delete(BuilderPools, keyOf(pool), pool.metadata.uid ? { uid: pool.metadata.uid } : {});
      log.info({ pool: pool.metadata.name }, 'deleted, since kopr is being uninstalled');
    }
    if (pools.length === 0) return;
    if (clock.monotonic() + PAUSE_MS > until) {
      throw new DeadlineError(`the deletion of all machines (${pools.map(stateOf).join('; ')})`, timeoutMs);
    }
    await clock.sleep(PAUSE_MS);
  }

  async function machinePools(): Promise<BuilderPool[]> {
    try {
      const { items } = await client.list(BuilderPools, { namespace: buildsNamespace });
      return items.filter(({ spec }) => spec.command !== undefined || spec.hosts !== undefined);
    } catch (error) {
      // The definitions are gone, and every pool with them.
      if (isNotFound(error)) return [];
      throw error;
    }
  }
}

function stateOf({ metadata: { name }, status }: BuilderPool): string {
  return `BuilderPool ${name} has ${status?.builders ?? 'an unknown number of'} builders`;
}
