import type { Clock } from '../../lib/clock.ts';
import { DeadlineError } from '../../lib/errors.ts';

/** How late a request may be ended after its deadline. */
const SWEEP_MS = 500;

export interface Flight {
  readonly signal: AbortSignal;
  /** Rejects when the request is to end without its handler: the deadline passed, or the client is gone. */
  readonly over: Promise<never>;
  /** The answer is a stream now: no deadline, but it ends with the process. */
  becomeStream(): void;
  abort(reason: Error): void;
  end(): void;
}

interface Entry {
  until: number;
  what: string;
  ms: number;
  stream: boolean;
  abort(reason: Error): void;
}

/** The requests under way. One loop watches their deadlines, since a timer for each costs more than most answers. */
export class InFlight {
  private readonly clock: Clock;
  private readonly entries = new Set<Entry>();
  private readonly waiters = new Set<() => void>();
  private stopping = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.entries.size;
  }

  begin(what: string, ms: number): Flight {
    const controller = new AbortController();
    let reject: (reason: Error) => void = () => undefined;
    const over = new Promise<never>((_, rejectOver) => {
      reject = rejectOver;
    });
    // Mostly nobody waits for it any more when it happens.
    over.catch(() => undefined);
    const entry: Entry = {
      until: this.clock.monotonic() + ms,
      what,
      ms,
      stream: false,
      abort(reason) {
        controller.abort(reason);
        // A stream ends by its own hand: what it has written already shall reach the client.
        if (!entry.stream) reject(reason);
      },
    };
    this.entries.add(entry);
    return {
      signal: controller.signal,
      over,
      becomeStream: () => {
        entry.stream = true;
        entry.until = Number.POSITIVE_INFINITY;
        if (this.stopping) entry.abort(new Stopping());
      },
      abort: (reason) => entry.abort(reason),
      end: () => {
        this.entries.delete(entry);
        if (this.entries.size === 0) for (const waiter of this.waiters) waiter();
      },
    };
  }

  /** Ends what is overdue, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(SWEEP_MS, signal).catch(() => undefined);
      this.sweep();
    }
  }

  sweep(): void {
    const now = this.clock.monotonic();
    for (const entry of this.entries) {
      if (entry.until <= now) entry.abort(new DeadlineError(entry.what, entry.ms));
    }
  }

  /** Ends the streams, which have no end of their own, and resolves when all requests are over. */
  async drain(): Promise<void> {
    this.stopping = true;
    for (const entry of this.entries) if (entry.stream) entry.abort(new Stopping());
    if (this.entries.size === 0) return;
    await new Promise<void>((resolve) => this.waiters.add(resolve));
  }

  /** Ends everything else too. */
  abortAll(): void {
    for (const entry of this.entries) entry.abort(new Stopping());
  }
}

export class Stopping extends Error {
  constructor() {
    super('the process is stopping');
    this.name = 'Stopping';
  }
}
