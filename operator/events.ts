/**
 * Events for people (`kubectl describe`, `kubectl events`): events.k8s.io/v1, repeated ones counted in a series,
 * noisy objects throttled, and never a reason for anything to fail or wait.
 */
import type { Counter, Registry } from 'prom-client';

import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from './client.ts';
import type { KubeEvent, ObjectReference } from './core.ts';
import { Events } from './core.ts';
import { counter } from './metrics.ts';
import { toMicroTime } from './microTime.ts';
import type { KubeObject } from './resource.ts';
import { TokenBuckets } from './tokenBucket.ts';

export type EventType = 'Normal' | 'Warning';

export interface EventExtras {
  /** What was being done, in CamelCase. Default: the reason. */
  action?: string;
  related?: KubeObject;
}

export interface EventRecorder {
  /** @param reason CamelCase  @param message at most 1 KiB is kept */
  event(obj: KubeObject, type: EventType, reason: string, message: string, extras?: EventExtras): void;
}

export interface EventRecorderOptions {
  client: ApiClient;
  clock: Clock;
  log: Logger;
  registry: Registry;
  /** Such as kopr.dev/operator. */
  controller: string;
  /** This process, such as the pod's name. */
  instance: string;
}

/** After this long without a repetition the same event is a new one. */
const SERIES_MS = 6 * 60_000;
/** A running series is written at most this often. */
const REFRESH_MS = 30_000;
const MAX_SERIES = 4_096;
const MAX_QUEUE = 1_000;
/** What the API server takes, in bytes of UTF-8. */
const MAX_NOTE_BYTES = 1_024;
const TIMEOUT_MS = 10_000;

interface Series {
  event: KubeEvent;
  count: number;
  lastMs: number;
  lastMonotonic: number;
  writtenCount: number;
  writtenMonotonic: number;
}

export class ApiEventRecorder implements EventRecorder {
  private readonly options: EventRecorderOptions;
  private readonly log: Logger;
  private readonly buckets: TokenBuckets;
  private readonly series = new Map<string, Series>();
  private readonly queue: (() => Promise<void>)[] = [];
  private readonly dropped: Counter<'cause'>;
  private sending: Promise<void> | undefined;
  private serial = 0;

  constructor(options: EventRecorderOptions) {
    this.options = options;
    this.log = options.log.child({ part: 'events' });
    // client-go's spam filter: 25 at once, then one in five minutes, for each object.
    this.buckets = new TokenBuckets(options.clock, { burst: 25, refillMs: 300_000, maxKeys: MAX_SERIES });
    this.dropped = counter(options.registry, 'kopr_events_dropped_total', 'Events not sent', ['cause']);
  }

  event(obj: KubeObject, type: EventType, reason: string, message: string, extras: EventExtras = {}): void {
    const { clock } = this.options;
    const note = cutNote(message);
    const id = [
      obj.metadata.uid ?? `${obj.kind}/${obj.metadata.namespace}/${obj.metadata.name}`,
      type,
      reason,
      note,
    ].join('\0');
    const now = clock.monotonic();
    const known = this.series.get(id);
    if (known && now - known.lastMonotonic < SERIES_MS) {
      known.count += 1;
      known.lastMs = clock.now();
      known.lastMonotonic = now;
      // The second occurrence is news (it makes a series); later ones only move a counter.
      if (known.count === 2 || now - known.writtenMonotonic >= REFRESH_MS) this.writeSeries(known);
      return;
    }
    if (!this.buckets.take(obj.metadata.uid ?? obj.metadata.name)) {
      this.dropped.inc({ cause: 'throttled' });
      return;
    }
    const event = this.build(obj, type, reason, note, extras);
    this.remember(id, {
      event,
      count: 1,
      lastMs: clock.now(),
      lastMonotonic: now,
      writtenCount: 1,
      writtenMonotonic: now,
    });
    this.enqueue(async () => {
      await this.options.client.create(Events, event, { timeoutMs: TIMEOUT_MS });
    });
  }

  /** Sends what is waiting and the counts of running series. The caller bounds the wait. */
  async flush(): Promise<void> {
    for (const series of this.series.values()) {
      if (series.count > series.writtenCount) this.writeSeries(series);
    }
    await this.sending;
  }

  private build(obj: KubeObject, type: EventType, reason: string, note: string, extras: EventExtras): KubeEvent {
    const { clock, controller, instance } = this.options;
    const nowMs = clock.now();
    this.serial += 1;
    const suffix = `.${Math.floor(nowMs).toString(16)}${(this.serial % 0x1000).toString(16).padStart(3, '0')}`;
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        name: obj.metadata.name.slice(0, 253 - suffix.length) + suffix,
        // Events of cluster-scoped objects live here by convention.
        namespace: obj.metadata.namespace ?? 'default',
      },
      eventTime: toMicroTime(nowMs),
      reportingController: controller,
      reportingInstance: instance,
      action: extras.action ?? reason,
      reason,
      type,
      note,
      regarding: referenceTo(obj),
      ...(extras.related ? { related: referenceTo(extras.related) } : {}),
    };
  }

  private writeSeries(series: Series): void {
    const { clock } = this.options;
    const { event, count, lastMs } = series;
    series.writtenCount = count;
    series.writtenMonotonic = clock.monotonic();
    this.enqueue(async () => {
      const key = `${event.metadata.namespace}/${event.metadata.name}`;
      await this.options.client.mergePatch(
        Events,
        key,
        { series: { count, lastObservedTime: toMicroTime(lastMs) } },
        { timeoutMs: TIMEOUT_MS },
      );
    });
  }

  private remember(id: string, series: Series): void {
    this.series.delete(id);
    this.series.set(id, series);
    if (this.series.size <= MAX_SERIES) return;
    const oldest = this.series.keys().next().value;
    if (oldest !== undefined) this.series.delete(oldest);
  }

  private enqueue(send: () => Promise<void>): void {
    if (this.queue.length >= MAX_QUEUE) {
      this.dropped.inc({ cause: 'queue full' });
      return;
    }
    this.queue.push(send);
    this.sending ??= this.drain().finally(() => {
      this.sending = undefined;
    });
  }

  private async drain(): Promise<void> {
    for (let send = this.queue.shift(); send; send = this.queue.shift()) {
      try {
        await send();
      } catch (error) {
        // A namespace being deleted refuses new events; an expired one cannot be counted further. Neither matters.
        this.dropped.inc({ cause: 'refused' });
        this.log.debug({ err: errorMessage(error) }, 'an event was not written');
      }
    }
  }
}

/** At most MAX_NOTE_BYTES; a longer text is cut between two characters and ends in an ellipsis. */
function cutNote(message: string): string {
  if (Buffer.byteLength(message) <= MAX_NOTE_BYTES) return message;
  const bytes = Buffer.from(message);
  let end = MAX_NOTE_BYTES - Buffer.byteLength('…');
  // Bytes 10xxxxxx continue a character: the cut must not be before one of them.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString()}…`;
}

function referenceTo(obj: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = obj.metadata;
  return {
    apiVersion: obj.apiVersion,
    kind: obj.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
