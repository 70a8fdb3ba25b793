import { constants } from 'node:os';

/** What a benchmark has started: ended in the reverse order, by itself or by a signal that ends the benchmark. */
export interface Opened {
  push(close: () => Promise<unknown>): void;
  /** Once more does nothing. */
  stop(): Promise<void>;
}

const all = new Set<Opened>();

export function createOpened(): Opened {
  const closers: (() => Promise<unknown>)[] = [];
  const opened: Opened = {
    push: (close) => void closers.push(close),
    async stop() {
      all.delete(opened);
      const failures: unknown[] = [];
      for (const close of closers.splice(0).reverse()) await close().catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw new AggregateError(failures, 'not all that was started could be ended');
    },
  };
  all.add(opened);
  return opened;
}

/** A second signal ends the process at once. */
export function stopOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      process.stderr.write(`bench: ${signal}; ending what was started\n`);
      const stops = [...all].map((opened) => opened.stop());
      void Promise.allSettled(stops).then(() => process.exit(128 + constants.signals[signal]));
    });
  }
}
