/**
 * The queue between caches and workers, with client-go's promises:
 * a key waits at most once; a key being worked on is not handed out again until `done`; a key added meanwhile is
 * handed out once more after that. Keys of initial lists wait in a lane of their own behind everything that is news.
 */
import type { Clock } from '../lib/clock.ts';
import { DelayHeap } from './delayHeap.ts';
import { Lane } from './lane.ts';
import type { QueueMetrics } from './metrics.ts';

export type Priority = 'normal' | 'low';

export interface WorkQueueOptions {
  clock: Clock;
  metrics: QueueMetrics;
  /** Waits after the first, second… failure of one key: base, 2·base… up to max. Defaults 5 ms and 5 min. */
  backoffBaseMs?: number;
  backoffMaxMs?: number;
}

export class WorkQueue {
  private readonly clock: Clock;
  private readonly metrics: QueueMetrics;
  private readonly backoffBaseMs: number;
  private readonly backoffMaxMs: number;
  /** Keys that need work, with the lane they wait in. A key in `processing` may be dirty again, then it is in no lane. */
  private readonly dirty = new Map<string, Priority>();
  private readonly processing = new Map<string, number>();
  private readonly lanes: Record<Priority, Lane> = { normal: new Lane(), low: new Lane() };
  private readonly failures = new Map<string, number>();
  private readonly waiting: ((key: string | undefined) => void)[] = [];
  private readonly delayed: DelayHeap;
  private closed = false;

  constructor(options: WorkQueueOptions) {
    this.clock = options.clock;
    this.metrics = options.metrics;
    this.backoffBaseMs = options.backoffBaseMs ?? 5;
    this.backoffMaxMs = options.backoffMaxMs ?? 300_000;
    this.delayed = new DelayHeap(options.clock, (key) => this.add(key));
  }

  /** Keys waiting to be handed out. */
  get length(): number {
    return this.lanes.normal.size + this.lanes.low.size;
  }

  add(key: string, priority: Priority = 'normal'): void {
    if (this.closed) return;
    const known = this.dirty.get(key);
    if (known !== undefined) {
      if (known === 'low' && priority === 'normal') this.promote(key);
      return;
    }
    this.metrics.added(priority);
    this.dirty.set(key, priority);
    if (this.processing.has(key)) return;
    this.enqueue(key, priority);
  }

  /** Adds the key after `ms`. Of several delays for one key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.closed) return;
    if (ms <= 0) this.add(key);
    else this.delayed.push(key, ms);
  }

  /** Adds the key after a wait that doubles with each failure since the last `forget`. Returns the wait in ms. */
  addRateLimited(key: string): number {
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    const delay = Math.min(this.backoffMaxMs, this.backoffBaseMs * 2 ** Math.min(failures, 40));
    this.metrics.retried();
    this.addAfter(key, delay);
    return delay;
  }

  forget(key: string): void {
    this.failures.delete(key);
  }

  retries(key: string): number {
    return this.failures.get(key) ?? 0;
  }

  /** The next key, as soon as there is one; undefined once the queue is shut down. Call `done` when finished with it. */
  get(): Promise<string | undefined> {
    if (this.closed) return Promise.resolve(undefined);
    const key = this.take();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  done(key: string): void {
    const started = this.processing.get(key);
    if (started === undefined) return;
    this.processing.delete(key);
    this.metrics.done(this.clock.monotonic() - started);
    const priority = this.dirty.get(key);
    if (priority !== undefined && !this.closed) this.enqueue(key, priority);
  }

  /** Hands out nothing more and takes nothing in. Keys handed out remain the workers' to finish. */
  shutdown(): void {
    if (this.closed) return;
    this.closed = true;
    this.delayed.clear();
    this.dirty.clear();
    for (const lane of Object.values(this.lanes)) lane.clear();
    this.metrics.depth(0);
    for (const resolve of this.waiting.splice(0)) resolve(undefined);
  }

  private promote(key: string): void {
    this.dirty.set(key, 'normal');
    const since = this.lanes.low.remove(key);
    if (since !== undefined) this.lanes.normal.push(key, since);
  }

  private enqueue(key: string, priority: Priority): void {
    this.lanes[priority].push(key, this.clock.monotonic());
    this.metrics.depth(this.length);
    const resolve = this.waiting.shift();
    if (resolve) resolve(this.take());
  }

  private take(): string | undefined {
    const lane = this.lanes.normal.size > 0 ? this.lanes.normal : this.lanes.low;
    const first = lane.shift();
    if (first === undefined) return undefined;
    const { key, since } = first;
    this.dirty.delete(key);
    const now = this.clock.monotonic();
    this.processing.set(key, now);
    this.metrics.taken(now - since);
    this.metrics.depth(this.length);
    return key;
  }
}
