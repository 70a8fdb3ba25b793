import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';

export interface Metrics {
  /** protocol: signd, http; command: ping, pubkey, sign, gen_key, other; result: ok, refused, failed. */
  requests: Counter<'protocol' | 'command' | 'result'>;
  requestSeconds: Histogram<'protocol' | 'command'>;
  signatures: Counter<'hash'>;
  keysCreated: Counter;
  keyGenerationSeconds: Histogram;
  auditFailures: Counter;
  connectionsRefused: Counter<'reason'>;
}

/** What is read at the moment of a scrape. */
export interface Gauges {
  keys: () => number;
  connections: () => number;
  waitingSignatures: () => number;
}

export function createMetrics(registry: Registry): Metrics {
  const registers = [registry];
  return {
    requests: new Counter({
      name: 'kopr_keygen_requests_total',
      help: 'Requests answered, by protocol, command and result (ok, refused, failed)',
      labelNames: ['protocol', 'command', 'result'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'kopr_keygen_request_duration_seconds',
      help: 'Time from the whole request to its answer',
      labelNames: ['protocol', 'command'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    signatures: new Counter({
      name: 'kopr_keygen_signatures_total',
      help: 'Signatures given, by hash algorithm',
      labelNames: ['hash'],
      registers,
    }),
    keysCreated: new Counter({ name: 'kopr_keygen_keys_created_total', help: 'Keys made', registers }),
    keyGenerationSeconds: new Histogram({
      name: 'kopr_keygen_key_generation_duration_seconds',
      help: 'Time to make a key, waiting included',
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    auditFailures: new Counter({
      name: 'kopr_keygen_audit_failures_total',
      help: 'Requests refused because their audit record could not be written',
      registers,
    }),
    connectionsRefused: new Counter({
      name: 'kopr_keygen_connections_refused_total',
      help: 'Connections refused, by reason (subject, address, limit, handshake, deadline)',
      labelNames: ['reason'],
      registers,
    }),
  };
}

export function registerGauges(registry: Registry, gauges: Gauges): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('kopr_keygen_keys', 'Identities that have a key', gauges.keys);
  gauge('kopr_keygen_connections', 'Open connections of the signd protocol', gauges.connections);
  gauge('kopr_keygen_waiting_signatures', 'Digests waiting for a signing thread', gauges.waitingSignatures);
}
