import type { Registry } from 'prom-client';
import { Gauge, Histogram } from 'prom-client';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition } from '../../operator/conditions.ts';
import { builderState } from './counts.ts';

export interface PoolMetrics {
  started(pool: string, seconds: number): void;
}

/** All of them, on the leader; nothing on the others, which would count them once more. */
export interface Counted {
  builders: () => readonly Builder[];
  pools: () => readonly BuilderPool[];
}

export function createPoolMetrics(registry: Registry, { builders, pools }: Counted): PoolMetrics {
  const gauge = new Gauge({
    name: 'kopr_builders',
    help: 'Builders that exist',
    labelNames: ['pool', 'arch', 'state'],
    registers: [registry],
    collect() {
      gauge.reset();
      for (const builder of builders()) {
        gauge.inc({ pool: builder.spec.pool, arch: builder.spec.architecture, state: builderState(builder) });
      }
    },
  });
  const failing = new Gauge({
    name: 'kopr_builder_deletions_failing',
    help: 'Machines that are to be deleted and whose deletion has failed before: they may cost money for nothing',
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      failing.reset();
      for (const { spec, status } of builders())
        if ((status?.deleteAttempts ?? 0) > 0) failing.inc({ pool: spec.pool });
    },
  });
  const ready = new Gauge({
    name: 'kopr_builder_pool_ready',
    help: 'Whether a pool takes work (1) or not (0), and the reason of its condition',
    labelNames: ['pool', 'reason'],
    registers: [registry],
    collect() {
      ready.reset();
      for (const { metadata, status } of pools()) {
        const condition = findCondition(status?.conditions as Condition[] | undefined, 'Ready');
        if (condition === undefined) continue;
        ready.set({ pool: metadata.name, reason: condition.reason }, condition.status === 'True' ? 1 : 0);
      }
    },
  });
  const start = new Histogram({
    name: 'kopr_builder_start_seconds',
    help: 'Time from making a builder until it works',
    labelNames: ['pool'],
    buckets: [1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1200],
    registers: [registry],
  });
  return { started: (pool, seconds) => start.observe({ pool }, seconds) };
}
