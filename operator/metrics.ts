/** Metrics under the names the ecosystem's dashboards and alerts already know. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface ClientMetrics {
  request(method: string, code: string, host: string, ms: number): void;
  retry(method: string, host: string): void;
}

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * Several clients or queues of one process may share a registry, so a metric that is registered already is used.
 */
export function counter<L extends string>(registry: Registry, name: string, help: string, labelNames: L[]): Counter<L> {
  return existing(registry, name) ?? new Counter<L>({ name, help, labelNames, registers: [registry] });
}

export function gauge<L extends string>(registry: Registry, name: string, help: string, labelNames: L[]): Gauge<L> {
  return existing(registry, name) ?? new Gauge<L>({ name, help, labelNames, registers: [registry] });
}

export function histogram<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: L[],
  buckets: number[] = SECONDS,
): Histogram<L> {
  return existing(registry, name) ?? new Histogram<L>({ name, help, labelNames, buckets, registers: [registry] });
}

function existing<M>(registry: Registry, name: string): M | undefined {
  return registry.getSingleMetric(name) as M | undefined;
}

export function clientMetrics(registry: Registry): ClientMetrics {
  const requests = counter(
    registry,
    'rest_client_requests_total',
    'Requests to the API server by code, method and host',
    ['code', 'method', 'host'],
  );
  const duration = histogram(registry, 'rest_client_request_duration_seconds', 'Time until the headers of an answer', [
    'verb',
    'host',
  ]);
  const retries = counter(registry, 'rest_client_request_retries_total', 'Requests sent again', ['verb', 'host']);
  return {
    request(method, code, host, ms) {
      requests.inc({ code, method, host });
      duration.observe({ verb: method, host }, ms / 1000);
    },
    retry(method, host) {
      retries.inc({ verb: method, host });
    },
  };
}

export interface ReflectorMetrics {
  listed(name: string, items: number, ms: number): void;
  watched(name: string, ms: number): void;
  event(name: string, type: string, objects: number): void;
  failed(name: string, cause: string): void;
}

export function reflectorMetrics(registry: Registry): ReflectorMetrics {
  const lists = counter(registry, 'reflector_lists_total', 'Lists completed', ['name']);
  const listSeconds = histogram(registry, 'reflector_list_duration_seconds', 'How long a list took', ['name']);
  const watches = counter(registry, 'reflector_watches_total', 'Watches ended', ['name']);
  const watchSeconds = histogram(
    registry,
    'reflector_watch_duration_seconds',
    'How long a watch lasted',
    ['name'],
    [1, 10, 30, 60, 120, 240, 360],
  );
  const events = counter(registry, 'reflector_watch_events_total', 'Events of watches', ['name', 'type']);
  const objects = gauge(registry, 'reflector_cached_objects', 'Objects in the cache', ['name']);
  const failures = counter(registry, 'reflector_failures_total', 'Lists and watches that broke', ['name', 'cause']);
  return {
    listed(name, items, ms) {
      lists.inc({ name });
      listSeconds.observe({ name }, ms / 1000);
      objects.set({ name }, items);
    },
    watched(name, ms) {
      watches.inc({ name });
      watchSeconds.observe({ name }, ms / 1000);
    },
    event(name, type, size) {
      events.inc({ name, type });
      objects.set({ name }, size);
    },
    failed(name, cause) {
      failures.inc({ name, cause });
    },
  };
}

export interface QueueMetrics {
  added(priority: string): void;
  depth(n: number): void;
  /** @param ms from add to get */
  taken(ms: number): void;
  done(ms: number): void;
  retried(): void;
}

export function queueMetrics(registry: Registry, name: string): QueueMetrics {
  const depth = gauge(registry, 'workqueue_depth', 'Items waiting', ['name', 'controller']);
  const adds = counter(registry, 'workqueue_adds_total', 'Items added', ['name', 'controller', 'priority']);
  const wait = histogram(registry, 'workqueue_queue_duration_seconds', 'How long an item waited', [
    'name',
    'controller',
  ]);
  const work = histogram(registry, 'workqueue_work_duration_seconds', 'How long an item was worked on', [
    'name',
    'controller',
  ]);
  const retries = counter(registry, 'workqueue_retries_total', 'Items put back after a failure', [
    'name',
    'controller',
  ]);
  const labels = { name, controller: name };
  depth.set(labels, 0);
  return {
    added: (priority) => adds.inc({ ...labels, priority }),
    depth: (n) => depth.set(labels, n),
    taken: (ms) => wait.observe(labels, ms / 1000),
    done: (ms) => work.observe(labels, ms / 1000),
    retried: () => retries.inc(labels),
  };
}

export type ReconcileOutcome = 'success' | 'error' | 'requeue' | 'requeue_after';

export interface ControllerMetrics {
  active(n: number): void;
  outcome(result: ReconcileOutcome, ms: number): void;
  terminal(): void;
  overdue(): void;
}

export function controllerMetrics(registry: Registry, controller: string, workers: number): ControllerMetrics {
  const total = counter(registry, 'controller_runtime_reconcile_total', 'Reconciliations by result', [
    'controller',
    'result',
  ]);
  const errors = counter(registry, 'controller_runtime_reconcile_errors_total', 'Reconciliations that failed', [
    'controller',
  ]);
  const terminal = counter(registry, 'controller_runtime_terminal_reconcile_errors_total', 'Failures not retried', [
    'controller',
  ]);
  const overdue = counter(
    registry,
    'controller_runtime_reconcile_timeouts_total',
    'Reconciliations past their deadline',
    ['controller'],
  );
  const seconds = histogram(registry, 'controller_runtime_reconcile_time_seconds', 'How long a reconciliation took', [
    'controller',
  ]);
  const active = gauge(registry, 'controller_runtime_active_workers', 'Workers busy', ['controller']);
  gauge(registry, 'controller_runtime_max_concurrent_reconciles', 'Workers', ['controller']).set(
    { controller },
    workers,
  );
  for (const result of ['success', 'error', 'requeue', 'requeue_after']) total.inc({ controller, result }, 0);
  errors.inc({ controller }, 0);
  active.set({ controller }, 0);
  return {
    active: (n) => active.set({ controller }, n),
    outcome(result, ms) {
      total.inc({ controller, result });
      if (result === 'error') errors.inc({ controller });
      seconds.observe({ controller }, ms / 1000);
    },
    terminal: () => terminal.inc({ controller }),
    overdue: () => overdue.inc({ controller }),
  };
}
