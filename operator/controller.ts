/**
 * One kind per controller; everything else maps to keys of that kind. A reconcile gets a key and nothing about what
 * happened: it reads the caches, decides, writes. Workers never run the same key twice at a time.
 */
import { randomUUID } from 'node:crypto';

import type { Registry } from 'prom-client';

import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage, TerminalError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { isConflict } from './apiError.ts';
import type { Expectations } from './expectations.ts';
import type { ControllerMetrics, ReconcileOutcome } from './metrics.ts';
import { controllerMetrics, queueMetrics } from './metrics.ts';
import { Paces } from './paces.ts';
import type { ControllerOptions, ReconcileResult } from './reconcile.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { keyOf, ownerKeys } from './resource.ts';
import type { Change, Store } from './store.ts';
import { untilAborted } from './untilAborted.ts';
import { WorkQueue } from './workqueue.ts';
import type { Write } from './writes.ts';
import { collectingWrites } from './writes.ts';
import { createYielder } from './yield.ts';

export type * from './reconcile.ts';
export { watching } from './reconcile.ts';

export interface ControllerDeps {
  clock: Clock;
  log: Logger;
  registry: Registry;
  expectations: Expectations;
  store: <X extends KubeObject>(type: ResourceType<X>) => Store<X>;
  /** False the moment this process can no longer be sure to be the leader. */
  mayReconcile: () => boolean;
}

const DEFAULT_DEADLINE_MS = 60_000;
/** How long a worker waits for the cache to show what the key's last reconcile wrote. Normally milliseconds. */
const CATCH_UP_MS = 5_000;

interface Listening<X> {
  predicate?: ((old: X | undefined, now: X | undefined) => boolean) | undefined;
  paceMs?: ((old: X | undefined, now: X | undefined) => number) | undefined;
  background?: ((old: X | undefined, now: X | undefined) => boolean) | undefined;
  map: (obj: X) => string[];
}

export class Controller<T extends KubeObject> {
  readonly name: string;
  readonly queue: WorkQueue;
  private readonly options: ControllerOptions<T>;
  private readonly deps: ControllerDeps;
  private readonly log: Logger;
  private readonly metrics: ControllerMetrics;
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<void>>();
  private unsubscribe: (() => void)[] = [];
  private readonly paces: Paces;
  private readonly giveWay = createYielder();
  private active = 0;

  constructor(options: ControllerOptions<T>, deps: ControllerDeps) {
    this.name = options.name;
    this.options = options;
    this.deps = deps;
    this.log = deps.log.child({ controller: options.name });
    this.metrics = controllerMetrics(deps.registry, options.name, options.workers ?? 1);
    this.queue = new WorkQueue({ clock: deps.clock, metrics: queueMetrics(deps.registry, options.name) });
    this.paces = new Paces(deps.clock);
    // Creates the informers now, so that they are synced before any worker starts.
    for (const type of this.types()) deps.store(type);
  }

  start(): void {
    const { options, deps } = this;
    const own = deps.store(options.for);
    this.listen(own, {
      predicate: options.forPredicate,
      paceMs: options.forPaceMs,
      map: (obj) => [keyOf(obj)],
    });
    for (const type of options.owns ?? []) this.listen(deps.store(type), { map: ownerKeys(options.for) });
    for (const watch of options.watches ?? []) this.listen(deps.store(watch.type), watch);
    for (let i = 0; i < (options.workers ?? 1); i++) this.track(this.work());
  }

  /** Every key of the kind, behind whatever is waiting. */
  resync(): void {
    for (const obj of this.deps.store(this.options.for).list()) this.queue.add(keyOf(obj), 'low');
  }

  /** Takes in nothing more; resolves when what is running has ended. `abort` ends it sooner. */
  async drain(abort: AbortSignal): Promise<void> {
    for (const end of this.unsubscribe.splice(0)) end();
    this.queue.shutdown();
    const onAbort = (): void => this.stopping.abort(abort.reason);
    if (abort.aborted) onAbort();
    else abort.addEventListener('abort', onAbort, { once: true });
    // Again and again: what a worker leaves behind joins the set when the worker ends.
    while (this.running.size > 0) await Promise.all(this.running);
    abort.removeEventListener('abort', onAbort);
  }

  private types(): ResourceType<KubeObject>[] {
    const { options } = this;
    return [options.for, ...(options.owns ?? []), ...(options.watches ?? []).map((watch) => watch.type)];
  }

  private listen<X extends KubeObject>(store: Store<X>, { predicate, paceMs, background, map }: Listening<X>): void {
    const end = store.subscribe(({ old, now, initial }: Change<X>) => {
      if (predicate && !predicate(old, now)) return;
      const pace = initial ? 0 : (paceMs?.(old, now) ?? 0);
      const priority = background?.(old, now) === true ? 'background' : 'normal';
      // Both states: an object that moved from one parent to another concerns the two of them. Each key once, for a
      // waiting worker takes the first at once and would find the second to be new work.
      const keys = new Set([...(old ? map(old) : []), ...(now ? map(now) : [])]);
      for (const key of keys) {
        const delay = pace > 0 ? this.paces.left(key, pace) : 0;
        if (delay > 0) this.queue.addAfter(key, delay, priority);
        else this.queue.add(key, initial ? 'low' : priority);
      }
    });
    this.unsubscribe.push(end);
  }

  private track(task: Promise<void>): void {
    this.running.add(task);
    void task.finally(() => this.running.delete(task));
  }

  private async work(): Promise<void> {
    for (;;) {
      const key = await this.queue.get();
      if (key === undefined) return;
      if (!this.deps.mayReconcile()) {
        // The lease is in doubt; whoever stops us is on the way.
        this.queue.done(key);
        this.queue.addAfter(key, 1_000);
        continue;
      }
      this.metrics.active(++this.active);
      try {
        await this.handle(key);
      } finally {
        this.metrics.active(--this.active);
      }
      // Reconciles that find nothing to do never wait; thousands of them in a row would stop everything else.
      const pause = this.giveWay();
      if (pause) await pause;
    }
  }

  private async handle(key: string): Promise<void> {
    const { clock, expectations } = this.deps;
    const reconcileID = randomUUID();
    const log = this.log.child({ key, reconcileID });
    const id = `${this.name} ${key}`;
    // Before the wait: what changes meanwhile is dealt with, and is no reason to do it again at once.
    this.paces.begin(key);
    const pending = await expectations.settled(id, CATCH_UP_MS, this.stopping.signal);
    if (pending !== undefined) log.warn({ pending }, 'reconciling although the cache lags behind our own writes');
    const started = clock.monotonic();
    const deadlineMs = this.options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const writes: Write[] = [];
    const finish = (): void => {
      expectations.record(id, writes);
      this.queue.done(key);
    };
    let task: Promise<ReconcileResult> = Promise.resolve();
    let running = false;
    let outcome: ReconcileOutcome;
    try {
      const result = await withDeadline(
        { clock, ms: deadlineMs, what: `reconcile of ${key} by ${this.name}`, signal: this.stopping.signal },
        (signal) => {
          running = true;
          task = collectingWrites(writes, async () =>
            this.options.reconcile(key, { signal, log, clock, reconcileID }),
          ).finally(() => {
            running = false;
          });
          return untilAborted(task, signal);
        },
      );
      outcome = this.accept(key, result, log);
    } catch (error) {
      outcome = this.reject(key, error, log);
    }
    this.metrics.outcome(outcome, clock.monotonic() - started);
    if (!running) {
      finish();
      return;
    }
    // The reconcile has not obeyed its signal yet. The worker goes on; the key stays taken until it really ends.
    this.metrics.overdue();
    this.track(task.then(finish, finish));
  }

  private accept(key: string, result: ReconcileResult, log: Logger): ReconcileOutcome {
    this.queue.forget(key);
    if (!result) return 'success';
    const { requeueAfterMs, reason } = result;
    if (!(requeueAfterMs > 0) || !Number.isFinite(requeueAfterMs)) {
      // A wait that is over, or never ends, would become a hot loop or a lost key.
      log.error({ requeueAfterMs, reason }, 'refusing a requeue delay that is not positive');
      this.queue.addRateLimited(key);
      return 'requeue';
    }
    log.debug({ requeueAfterMs, reason }, 'will look again');
    this.queue.addAfter(key, requeueAfterMs);
    return 'requeue_after';
  }

  private reject(key: string, error: unknown, log: Logger): ReconcileOutcome {
    if (this.stopping.signal.aborted) return 'requeue';
    if (error instanceof TerminalError) {
      this.queue.forget(key);
      this.metrics.terminal();
      log.warn({ code: error.code, err: error.message }, 'reconcile failed for good');
      return 'error';
    }
    const delayMs = this.queue.addRateLimited(key);
    if (isConflict(error)) {
      log.debug({ delayMs, err: errorMessage(error) }, 'conflict; reading again');
      return 'requeue';
    }
    log.error({ delayMs, retries: this.queue.retries(key), err: error }, 'reconcile failed');
    return 'error';
  }
}
