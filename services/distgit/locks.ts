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

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The slot is handed over, not freed: nobody can slip in between.
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}

/** One lock per key, made on demand and forgotten with its last user. */
export class KeyedLock {
  private readonly locks = new Map<string, { semaphore: Semaphore; users: number }>();

  get size(): number {
    return this.locks.size;
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
