import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const seconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export interface Metrics {
  createrepoSeconds: Histogram<'mode'>;
  createrepoBatchSize: Histogram;
  createrepoFailures: Counter;
  publishLagSeconds: Histogram;
  signSeconds: Histogram;
  signatures: Counter;
  repoPackages: Histogram;
  publications: Counter<'outcome'>;
  publicationsUnderWay: Gauge;
  uploadedBytes: Counter<'kind'>;
  logPieces: Counter<'outcome'>;
}

/** No label names a project: their number is unbounded. */
export function createMetrics(registry: Registry): Metrics {
  const registers = [registry];
  return {
    createrepoSeconds: new Histogram({
      name: 'kopr_createrepo_seconds',
      help: 'Duration of a repository update from the list of packages to the switched metadata',
      labelNames: ['mode'],
      buckets: seconds,
      registers,
    }),
    createrepoBatchSize: new Histogram({
      name: 'kopr_createrepo_batch_size',
      help: 'Requests answered by one repository update',
      buckets: [1, 2, 5, 10, 20, 50, 100],
      registers,
    }),
    createrepoFailures: new Counter({
      name: 'kopr_createrepo_failures_total',
      help: 'Repository updates that failed',
      registers,
    }),
    publishLagSeconds: new Histogram({
      name: 'kopr_publish_lag_seconds',
      help: 'Time from the complete upload of a task to its visibility in the repository',
      buckets: seconds,
      registers,
    }),
    signSeconds: new Histogram({
      name: 'kopr_sign_seconds',
      help: 'Duration of a signing request to keygen',
      buckets: seconds,
      registers,
    }),
    signatures: new Counter({ name: 'kopr_signatures_total', help: 'Signatures received from keygen', registers }),
    repoPackages: new Histogram({
      name: 'kopr_repo_packages',
      help: 'Packages in a repository, observed at each update',
      buckets: [1, 10, 100, 1_000, 10_000, 100_000],
      registers,
    }),
    publications: new Counter({
      name: 'kopr_publications_total',
      help: 'Publications that ended, by outcome: succeeded, failed (a failed build), refused, error (will be tried again)',
      labelNames: ['outcome'],
      registers,
    }),
    publicationsUnderWay: new Gauge({
      name: 'kopr_publications_under_way',
      help: 'Publications that have begun and not ended',
      registers,
    }),
    logPieces: new Counter({
      name: 'kopr_live_log_pieces_total',
      help: 'Pieces of live logs for Redis, by outcome: streamed, dropped (readers find them in the stored log)',
      labelNames: ['outcome'],
      registers,
    }),
    uploadedBytes: new Counter({
      name: 'kopr_uploaded_bytes_total',
      help: 'Bytes received from builders and users, by kind: log, file; upload, from the API',
      labelNames: ['kind'],
      registers,
    }),
  };
}
