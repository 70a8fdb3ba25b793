/** Lets at most `limit` tasks run at a time and at most `maxWaiting` wait, first come first served. */
export class Limiter {
  readonly #limit: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number, maxWaiting: number) {
    this.#limit = limit;
    this.#maxWaiting = maxWaiting;
  }

  /** Runs `task` when its turn comes. Throws at once when too many are waiting; `what` names the queue in that message. */
  async run<T>(what: string, task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) {
      if (this.#waiting.length >= this.#maxWaiting)
        throw new Error(`too many requests are waiting for ${what}; try again later`);
      // The slot of the task that ends is handed over, so #running does not change.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
