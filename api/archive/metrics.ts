import type { Registry } from 'prom-client';
import { counter, gauge } from '../../operator/metrics.ts';

export interface ArchiveMetrics {
  recorded(): void;
  lost(): void;
  failed(): void;
  leading(is: boolean): void;
}

export function archiveMetrics(registry: Registry): ArchiveMetrics {
  const recorded = counter(registry, 'kopr_history_recorded_builds_total', 'Builds written to the history', []);
  const lost = counter(
    registry,
    'kopr_history_lost_builds_total',
    'Builds that left the cluster before the history had them',
    [],
  );
  const failed = counter(registry, 'kopr_history_errors_total', 'Attempts to write the history that failed', []);
  const leading = gauge(registry, 'kopr_history_leader', 'Whether this process writes the history', []);
  leading.set(0);
  return {
    recorded: () => recorded.inc(),
    lost: () => lost.inc(),
    failed: () => failed.inc(),
    leading: (is) => leading.set(is ? 1 : 0),
  };
}
