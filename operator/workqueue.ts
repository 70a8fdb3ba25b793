/**
 * The queue between caches and workers, with client-go's promises:
 * a key waits at most once; a key being worked on is not handed out again until `done`; a key added meanwhile is
 * handed out once more after that. Keys wait in three lanes: what is news first, then initial lists, then what is done in
 * the background. Of the last, one is worked on at a time, with rests: what thousands of them write, all workers at once,
 * would keep the API server from what somebody waits for.
 */
import type { Clock } from '../lib/clock.ts';
import { OVER } from '../lib/deadline.ts';
import { DelayHeap } from './delayHeap.ts';
import { Lane } from './lane.ts';
import type { QueueMetrics } from './metrics.ts';

/** The first goes first. Every eighth turn is the background's all the same, so that it is not put off for ever. */
const LANES = ['normal', 'low', 'background'] as const;
export type Priority = (typeof LANES)[number];

const BACKGROUND_TURN = 8;
/** So many times as long as the last one took, none is begun: a slow API server has the less to do with them. */
const BACKGROUND_RESTS = 2;
/** One that takes longer, for it waits for a service, is not waited for; work and rest together take no longer either. */
const BACKGROUND_LONGEST_MS = 5_000;

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
  private readonly lanes: Record<Priority, Lane> = { normal: new Lane(), low: new Lane(), background: new Lane() };
  /** The one of the background that was handed out last, until the rest after it is over. */
  private background: { key: string; since: number } | undefined;
  private readonly resting = new AbortController();
  private turn = 0;
  private readonly failures = new Map<string, number>();
  private readonly waiting: ((key: string | undefined) => void)[] = [];
  private readonly delayed: DelayHeap;
  private readonly delayedBackground: DelayHeap;
  private closed = false;

  constructor(options: WorkQueueOptions) {
    this.clock = options.clock;
    this.metrics = options.metrics;
    this.backoffBaseMs = options.backoffBaseMs ?? 5;
    this.backoffMaxMs = options.backoffMaxMs ?? 300_000;
    this.delayed = new DelayHeap(options.clock, (key) => this.add(key));
    this.delayedBackground = new DelayHeap(options.clock, (key) => this.add(key, 'background'));
  }

  /** Keys waiting to be handed out. */
  get length(): number {
    return LANES.reduce((sum, lane) => sum + this.lanes[lane].size, 0);
  }

  add(key: string, priority: Priority = 'normal'): void {
    if (this.closed) return;
    const known = this.dirty.get(key);
    if (known !== undefined) {
      if (LANES.indexOf(priority) < LANES.indexOf(known)) this.promote(key, known, priority);
      return;
    }
    this.metrics.added(priority);
    this.dirty.set(key, priority);
    if (this.processing.has(key)) return;
    this.enqueue(key, priority);
  }

  /** Adds the key after `ms`. Of several delays for one key the earliest counts; those for the background are apart. */
  addAfter(key: string, ms: number, priority: 'normal' | 'background' = 'normal'): void {
    if (this.closed) return;
    if (ms <= 0) this.add(key, priority);
    else if (priority === 'background') this.delayedBackground.push(key, ms);
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
    const since = this.processing.get(key);
    if (since === undefined) return;
    this.processing.delete(key);
    const took = this.clock.monotonic() - since;
    this.metrics.done(took);
    const priority = this.dirty.get(key);
    if (priority !== undefined && !this.closed) this.enqueue(key, priority);
    if (this.background?.key === key) this.rest(this.background, took);
  }

  /** Hands out nothing more and takes nothing in. Keys handed out remain the workers' to finish. */
  shutdown(): void {
    if (this.closed) return;
    this.closed = true;
    this.delayed.clear();
    this.delayedBackground.clear();
    this.resting.abort(OVER);
    this.dirty.clear();
    for (const lane of Object.values(this.lanes)) lane.clear();
    this.metrics.depth(0);
    for (const resolve of this.waiting.splice(0)) resolve(undefined);
  }

  private promote(key: string, from: Priority, to: Priority): void {
    this.dirty.set(key, to);
    const since = this.lanes[from].remove(key);
    if (since === undefined) return;
    this.lanes[to].push(key, since);
    this.serve();
  }

  private enqueue(key: string, priority: Priority): void {
    this.lanes[priority].push(key, this.clock.monotonic());
    this.metrics.depth(this.length);
    this.serve();
  }

  private rest(background: { key: string }, took: number): void {
    const end = (): void => {
      if (this.background === background) this.background = undefined;
      this.serve();
    };
    const ms = Math.min(took * BACKGROUND_RESTS, BACKGROUND_LONGEST_MS - took);
    if (ms <= 0) end();
    else this.clock.sleep(ms, this.resting.signal).then(end, () => undefined);
  }

  private serve(): void {
    const [resolve] = this.waiting;
    if (resolve === undefined) return;
    const key = this.take();
    if (key === undefined) return;
    this.waiting.shift();
    resolve(key);
  }

  private take(): string | undefined {
    const priority = this.nextLane();
    const first = priority && this.lanes[priority].shift();
    if (priority === undefined || first === undefined) return undefined;
    const { key, since } = first;
    this.turn++;
    this.dirty.delete(key);
    const now = this.clock.monotonic();
    if (priority === 'background') this.background = { key, since: now };
    this.processing.set(key, now);
    this.metrics.taken(now - since);
    this.metrics.depth(this.length);
    return key;
  }

  private nextLane(): Priority | undefined {
    const { lanes } = this;
    const mayTakeBackground = lanes.background.size > 0 && !this.isBackgroundBusy();
    if (mayTakeBackground && this.turn % BACKGROUND_TURN === BACKGROUND_TURN - 1) return 'background';
    if (lanes.normal.size > 0) return 'normal';
    if (lanes.low.size > 0) return 'low';
    return mayTakeBackground ? 'background' : undefined;
  }

  private isBackgroundBusy(): boolean {
    const { background } = this;
    return background !== undefined && this.clock.monotonic() - background.since < BACKGROUND_LONGEST_MS;
  }
}
