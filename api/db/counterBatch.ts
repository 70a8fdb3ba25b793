import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { CounterQueries, Increment } from './database.ts';
import { sum } from './queries/counters.ts';

export interface CounterBatch {
  /** Counts without waiting for anything. */
  add(name: string, key: string, by?: number): void;
  /** Writes what was counted, and keeps it for the next time when the database is away. */
  flush(): Promise<void>;
  /** Writes the rest and ends. */
  stop(): Promise<void>;
}

const EVERY_MS = 5_000;
/** Counters that are kept while the database is away; what is counted beyond them is dropped. */
const MOST = 10_000;

/** Collects increments and writes them every few seconds: a statement for each would be one for each request. */
export function createCounterBatch(deps: { counters: CounterQueries; clock: Clock; log: Logger }): CounterBatch {
  const { counters, clock, log } = deps;
  const stopping = new AbortController();
  let waiting = new Map<string, Increment>();

  function put({ name, key, by }: Increment): void {
    const id = `${name}\0${key}`;
    const known = waiting.get(id);
    if (known === undefined && waiting.size >= MOST) return;
    waiting.set(id, { name, key, by: by + (known?.by ?? 0) });
  }

  async function flush(): Promise<void> {
    if (waiting.size === 0) return;
    const batch = sum([...waiting.values()]);
    waiting = new Map();
    try {
      await counters.increment(batch);
    } catch (error) {
      // A commit whose answer was lost is counted twice: they are statistics, and too few is no better.
      for (const increment of batch) put(increment);
      log.warn({ counters: batch.length, error: errorMessage(error) }, 'counters could not be written; they are kept');
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(EVERY_MS, stopping.signal).catch(() => undefined);
      await flush();
    }
  }

  const running = run();
  return {
    add: (name, key, by = 1) => put({ name, key, by }),
    flush,
    async stop() {
      stopping.abort(new Error('the counters were stopped'));
      await running;
    },
  };
}
