/** Warm machines, and as much of their controller as lets them be used again: it takes the claim off whoever is done. */

import { isGoneOrOther } from '../../controllers/shared/patch.ts';
import { aPool } from '../../controllers/testing/objects.ts';
import type { Builder } from '../../crds/builder.ts';
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/client.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import { keyOf } from '../../operator/resource.ts';
import { BUILDS } from '../builds/site.ts';

export const POOL = 'machines';
const WORKERS = 16;

export async function createMachines(client: ApiClient, count: number): Promise<void> {
  const { pod: _pod, ...spec } = aPool(POOL).spec;
  const hook = { command: ['/bin/true'], timeoutSeconds: 60 };
  const command = {
    image: 'localhost/hooks',
    imagePullPolicy: 'Never' as const,
    new: hook,
    delete: hook,
    listPeriodSeconds: 1800,
  };
  await client.create(BuilderPools, {
    metadata: { name: POOL, namespace: BUILDS },
    spec: { ...spec, command, architectures: ['x86_64'], max: count, preallocated: count, reuse: REUSE },
  });
  for (let index = 0; index < count; index++) await createMachine(client, index);
}

const REUSE = { waitSeconds: 3600, maxUses: 0, maxSeconds: 86_400 };

async function createMachine(client: ApiClient, index: number): Promise<void> {
  const name = `${POOL}-${index}`;
  await client.create(Builders, {
    metadata: { name, namespace: BUILDS, labels: { 'kopr.dev/pool': POOL } },
    spec: { pool: POOL, machine: { index }, architecture: 'x86_64' },
  });
  const now = toTimestamp(systemClock.now());
  const status: Builder['status'] = { phase: 'Ready', startedAt: now, lastCheckAt: now, failedChecks: 0, uses: 0 };
  await client.mergePatch(Builders, `${BUILDS}/${name}`, { status }, { subresource: 'status' });
}

export function addReleases(manager: Manager): void {
  const builders = manager.store(Builders);
  const tickets = manager.store(BuilderTickets);
  manager.addIndex(Builders, 'claimed by', ({ spec: { ticket } }) => (ticket === undefined ? [] : [ticket.uid]));

  async function release(builder: Builder): Promise<void> {
    const claim = builder.spec.ticket;
    if (claim === undefined || tickets.get(`${claim.namespace}/${claim.name}`)?.spec.closed !== true) return;
    const { resourceVersion } = builder.metadata;
    const spec = { ticket: null, chrootBuild: null, attempt: null };
    await manager.client.mergePatch(Builders, keyOf(builder), { metadata: { resourceVersion }, spec });
  }

  manager.addController({
    name: 'releases',
    for: Builders,
    workers: WORKERS,
    watches: [
      watching({
        type: BuilderTickets,
        map: (ticket) => builders.byIndex('claimed by', ticket.metadata.uid ?? '').map(keyOf),
        predicate: (_old, now) => now?.spec.closed === true,
      }),
    ],
    async reconcile(key) {
      const builder = builders.get(key);
      if (builder === undefined) return;
      try {
        await release(builder);
      } catch (error) {
        // It changed meanwhile; the change brings its key back.
        if (!isGoneOrOther(error)) throw error;
      }
    },
    rbac: [],
  });
}
