import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface Metrics {
  imports: Counter<'outcome' | 'code'>;
  importSeconds: Histogram;
  importsRunning: Gauge;
  lookasideBytes: Counter<'kind'>;
  requests: Counter<'route' | 'status'>;
  gitRunning: Gauge;
  sweptBytes: Counter;
}

export function createMetrics(registry: Registry): Metrics {
  const registers = [registry];
  return {
    imports: new Counter({
      name: 'kopr_distgit_imports_total',
      help: 'Ended imports by outcome (done, refused, failed) and error code',
      labelNames: ['outcome', 'code'],
      registers,
    }),
    importSeconds: new Histogram({
      name: 'kopr_distgit_import_duration_seconds',
      help: 'Duration of imports without the wait for a free slot',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200],
      registers,
    }),
    importsRunning: new Gauge({ name: 'kopr_distgit_imports_running', help: 'Imports queued or under way', registers }),
    lookasideBytes: new Counter({
      name: 'kopr_distgit_lookaside_bytes_total',
      help: 'Bytes put into the lookaside cache: stored, or already there (deduplicated)',
      labelNames: ['kind'],
      registers,
    }),
    requests: new Counter({
      name: 'kopr_distgit_http_requests_total',
      help: 'Answered requests of the public port by route and status',
      labelNames: ['route', 'status'],
      registers,
    }),
    gitRunning: new Gauge({ name: 'kopr_distgit_git_requests_running', help: 'git http-backend processes', registers }),
    sweptBytes: new Counter({
      name: 'kopr_distgit_swept_bytes_total',
      help: 'Bytes of unreferenced lookaside content removed',
      registers,
    }),
  };
}
