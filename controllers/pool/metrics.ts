import type { Registry } from 'prom-client';
import { Gauge, Histogram } from 'prom-client';
import type { Builder } from '../../crds/builder.ts';
import { builderState } from './counts.ts';

export interface PoolMetrics {
  started(pool: string, seconds: number): void;
}

/** @param builders all of them, on the leader; nothing on the others, which would count them once more */
export function createPoolMetrics(registry: Registry, builders: () => readonly Builder[]): PoolMetrics {
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
  const start = new Histogram({
    name: 'kopr_builder_start_seconds',
    help: 'Time from making a builder until it works',
    labelNames: ['pool'],
    buckets: [1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1200],
    registers: [registry],
  });
  return { started: (pool, seconds) => start.observe({ pool }, seconds) };
}
