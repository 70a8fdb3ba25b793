import { Semaphore } from '../../../lib/locks.ts';

/** The answer to one request. */
export type Outcome<Result> = { result: Result } | { error: unknown };

export interface MergingQueueOptions<Request, Result> {
  /** Answers all of `requests`, in their order, with one run. Called for one key at a time. A rejection is the answer to all of them. */
  run: (key: string, requests: readonly Request[]) => Promise<readonly Outcome<Result>[]>;
  /** Runs at once over all keys. */
  concurrency: number;
  /** Requests that are answered by one run at most. */
  maxBatch: number;
}

interface Waiting<Request, Result> {
  request: Request;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * A work queue in which whatever arrives for a key while that key is being worked on is answered together by its next run.
 * A run that fails rejects the requests it was to answer and no others.
 */
export class MergingQueue<Request, Result> {
  readonly #options: MergingQueueOptions<Request, Result>;
  readonly #semaphore: Semaphore;
  readonly #waiting = new Map<string, Waiting<Request, Result>[]>();
  readonly #workers = new Map<string, Promise<void>>();

  constructor(options: MergingQueueOptions<Request, Result>) {
    this.#options = options;
    this.#semaphore = new Semaphore(options.concurrency);
  }

  push(key: string, request: Request): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, [{ request, resolve, reject }]);
    else waiting.push({ request, resolve, reject });
    if (!this.#workers.has(key)) this.#workers.set(key, this.#work(key));
    return promise;
  }

  /** Resolves when nothing is waiting or running. */
  async idle(): Promise<void> {
    while (this.#workers.size > 0) await Promise.all(this.#workers.values());
  }

  async #work(key: string): Promise<void> {
    // A turn per batch, not per key: a busy repository must not keep the others waiting.
    while ((this.#waiting.get(key)?.length ?? 0) > 0) await this.#semaphore.run(() => this.#runBatch(key));
    this.#waiting.delete(key);
    this.#workers.delete(key);
  }

  async #runBatch(key: string): Promise<void> {
    // The batch is taken when its turn has come, so that it holds everything that arrived while it waited for the turn.
    const batch = this.#waiting.get(key)?.splice(0, this.#options.maxBatch) ?? [];
    try {
      const outcomes = await this.#options.run(
        key,
        batch.map((waiting) => waiting.request),
      );
      for (const [n, waiting] of batch.entries()) {
        const outcome = outcomes[n] ?? { error: new Error('the run has left a request without an answer') };
        if ('error' in outcome) waiting.reject(outcome.error);
        else waiting.resolve(outcome.result);
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
