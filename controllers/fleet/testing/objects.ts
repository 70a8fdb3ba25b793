import type { Builder } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import { aCommandPool, aMachine } from '../../hook/testing/objects.ts';
import { ago } from '../../testing/objects.ts';
import type { WaitingLine } from '../world.ts';
import { POOL_FINALIZER } from '../world.ts';

/** Pools and machines for tests of the fleet. */

/** A pool of the provider `command` that has the finalizer. */
export function aCloud(
  spec: Partial<BuilderPool['spec']> = {},
  more: { status?: BuilderPool['status']; metadata?: Partial<BuilderPool['metadata']> } = {},
  name = 'cloud',
): BuilderPool {
  const pool = aCommandPool({}, { preallocated: 0, max: 20, maxStarting: 20, ...spec }, name);
  Object.assign(pool.metadata, { finalizers: [POOL_FINALIZER], ...more.metadata });
  if (more.status !== undefined) pool.status = more.status;
  return pool;
}

/** The machine with this number; a lower number is older. */
export function aMachineOf(
  pool: string,
  id: number,
  status?: Builder['status'],
  spec: Partial<Builder['spec']> = {},
): Builder {
  return aMachine({
    metadata: {
      name: `${pool}-${String(id).padStart(8, '0')}`,
      creationTimestamp: ago(1000 - id),
      labels: { 'kopr.dev/pool': pool, 'kopr.dev/machine-id': String(id) },
    },
    spec: { pool, machine: { index: id - 1 }, ...spec },
    ...(status === undefined ? {} : { status }),
  });
}

export function aLine(more: Partial<WaitingLine> = {}): WaitingLine {
  return { architecture: 'x86_64', tags: [], sandbox: 'demo/hello', isStage: true, told: 0, fresh: 0, ...more };
}
