import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface Metrics {
  calls: Counter<'method' | 'result'>;
  callSeconds: Histogram<'method'>;
}

/** @param waiting how many clients wait for tickets now */
export function createMetrics(registry: Registry, waiting: () => number): Metrics {
  const registers = [registry];
  new Gauge({
    name: 'kopr_resalloc_waiting_clients',
    help: 'Clients in waitTicket',
    registers,
    collect() {
      this.set(waiting());
    },
  });
  return {
    calls: new Counter({
      name: 'kopr_resalloc_calls_total',
      help: 'Calls by method ("none": not a call of any) and result: ok, gone (the client left), or the kind of fault',
      labelNames: ['method', 'result'],
      registers,
    }),
    callSeconds: new Histogram({
      name: 'kopr_resalloc_call_duration_seconds',
      help: 'Duration of calls, but for waitTicket',
      labelNames: ['method'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
      registers,
    }),
  };
}
