import type { Registry } from 'prom-client';
import { Gauge, Histogram } from 'prom-client';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Clock } from '../../lib/clock.ts';
import { fromTimestamp } from '../../lib/clock.ts';

/** Waiting tickets, counted. */
export interface Pending {
  architecture: string;
  reason: string;
  count: number;
}

export interface SchedulerMetrics {
  decided(durationMs: number): void;
  outlook(durationMs: number, pending: readonly Pending[]): void;
  assigned(ticket: BuilderTicket): void;
}

export function createSchedulerMetrics(registry: Registry, clock: Clock): SchedulerMetrics {
  const cycle = new Histogram({
    name: 'kopr_dispatch_cycle_seconds',
    help: 'Duration of the decision of one scheduling cycle',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    registers: [registry],
  });
  const outlook = new Histogram({
    name: 'kopr_dispatch_outlook_seconds',
    help: 'CPU time of working out why every waiting ticket waits, and for how long',
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
    registers: [registry],
  });
  const pending = new Gauge({
    name: 'kopr_builds_pending',
    help: 'Build stages that wait for a builder',
    labelNames: ['arch', 'reason'],
    registers: [registry],
  });
  const allocation = new Histogram({
    name: 'kopr_builder_allocation_seconds',
    help: 'Time from a ticket to its builder; tickets are dated by the second',
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400],
    registers: [registry],
  });
  return {
    decided(durationMs) {
      cycle.observe(durationMs / 1000);
    },
    outlook(durationMs, counts) {
      outlook.observe(durationMs / 1000);
      pending.reset();
      for (const { architecture: arch, reason, count } of counts) pending.inc({ arch, reason }, count);
    },
    assigned({ metadata: { creationTimestamp } }) {
      if (creationTimestamp === undefined) return;
      allocation.observe(Math.max(0, clock.now() - fromTimestamp(creationTimestamp)) / 1000);
    },
  };
}
