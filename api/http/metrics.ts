import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface HttpMetrics {
  begun(): void;
  ended(operation: string, status: number, seconds: number): void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10, 30, 120];

/** Operations are those of the routes, and `none` for what matches no route: a client cannot make up label values. */
export function httpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'kopr_api_requests_total',
    help: 'Answered requests by operation and status.',
    labelNames: ['operation', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'kopr_api_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer.',
    labelNames: ['operation'],
    buckets: SECONDS,
    registers,
  });
  const inFlight = new Gauge({
    name: 'kopr_api_requests_in_flight',
    help: 'Requests that are being handled now.',
    registers,
  });
  return {
    begun: () => inFlight.inc(),
    ended(operation, status, seconds) {
      inFlight.dec();
      requests.inc({ operation, status: String(status) });
      duration.observe({ operation }, seconds);
    },
  };
}
