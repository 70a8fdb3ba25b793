/** More are waiting than may. It passes. */
export class QueueFullError extends Error {
  constructor(what: string) {
    super(`too many requests are waiting for ${what}; try again later`);
    this.name = 'QueueFullError';
  }
}

export interface QueueLimit {
  /** How many may wait, besides those that run. */
  maxWaiting: number;
  /** What they wait for, for the message when there are more. */
  what: string;
}

/** Lets at most `slots` functions run at once; the others wait, first come, first served. A slot is given back however the work ends. */
export class Semaphore {
  readonly #limit: QueueLimit | undefined;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** Without a limit any number may wait. */
  constructor(slots: number, limit?: QueueLimit) {
    this.#free = slots;
    this.#limit = limit;
  }

  get queued(): number {
    return this.#waiting.length;
  }

  /**
   * Rejects with the signal's reason when it aborts before the work's turn has come, and with QueueFullError at once when too many
   * are waiting; the work then never runs.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      // The slot is handed over, not freed: nobody can slip in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#limit !== undefined && this.#waiting.length >= this.#limit.maxWaiting) {
      throw new QueueFullError(this.#limit.what);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const come = (): void => {
      signal?.removeEventListener('abort', leave);
      resolve();
    };
    const leave = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(come), 1);
      reject(signal?.reason);
    };
    this.#waiting.push(come);
    signal?.addEventListener('abort', leave, { once: true });
    return promise;
  }
}

/** Runs one function at a time per key, in the order of the calls. Locks are made on demand and forgotten with their last user. */
export class KeyedLock {
  readonly #locks = new Map<string, { semaphore: Semaphore; users: number }>();

  get size(): number {
    return this.#locks.size;
  }

  /** True while somebody has or waits for the lock of this key. */
  has(key: string): boolean {
    return this.#locks.has(key);
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const lock = this.#locks.get(key) ?? { semaphore: new Semaphore(1), users: 0 };
    this.#locks.set(key, lock);
    lock.users++;
    try {
      return await lock.semaphore.run(work);
    } finally {
      lock.users--;
      if (lock.users === 0) this.#locks.delete(key);
    }
  }
}
