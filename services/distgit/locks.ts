/** First come, first served; a slot is given back when the work ends, however it ends. */
export class Semaphore {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.free = slots;
  }

  get queued(): number {
    return this.waiting.length;
  }

  /** Rejects with the signal's reason when it aborts before the work's turn has come; the work then never runs. */
  async use<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.free > 0) this.free -= 1;
    else await this.turn(signal);
    try {
      return await work();
    } finally {
      // The slot is handed over, not freed: nobody can slip in between.
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }

  private turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const come = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(come), 1);
        reject(signal?.reason);
      };
      this.waiting.push(come);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}

/** One lock per key, made on demand and forgotten with its last user. */
export class KeyedLock {
  private readonly locks = new Map<string, { semaphore: Semaphore; users: number }>();

  get size(): number {
    return this.locks.size;
  }

  /** True while somebody has or waits for the lock of this key. */
  has(key: string): boolean {
    return this.locks.has(key);
  }

  async use<T>(key: string, work: () => Promise<T>): Promise<T> {
    const lock = this.locks.get(key) ?? { semaphore: new Semaphore(1), users: 0 };
    this.locks.set(key, lock);
    lock.users += 1;
    try {
      return await lock.semaphore.use(work);
    } finally {
      lock.users -= 1;
      if (lock.users === 0) this.locks.delete(key);
    }
  }
}
