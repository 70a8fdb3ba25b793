/** How often the repositories of projects were asked for. Counting never delays or fails an answer. */
import { errorMessage } from '../../lib/errors.ts';
import type { Services } from '../services.ts';

type Parts = Pick<Services, 'db' | 'clock' | 'log'>;

/** Hits of so long become one statement. */
const FLUSH_MS = 5_000;
/** While the database is away, hits of so many repositories are kept. */
const MAX_KEYS = 10_000;

export const DOWNLOADS = 'repo-download';

/** Of one process. What it has not written when it dies is lost: a few seconds of counting. */
export class Downloads {
  private readonly parts: Parts;
  private hits = new Map<string, number>();
  private waiting = false;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  count(key: string): void {
    const before = this.hits.get(key);
    if (before === undefined && this.hits.size >= MAX_KEYS) return;
    this.hits.set(key, (before ?? 0) + 1);
    if (this.waiting) return;
    this.waiting = true;
    void this.later();
  }

  private async later(): Promise<void> {
    const { clock, db, log } = this.parts;
    await clock.sleep(FLUSH_MS).catch(() => undefined);
    const hits = this.hits;
    this.hits = new Map();
    // The next hit starts the next wait, also after a failure.
    this.waiting = false;
    try {
      await db.counters.increment([...hits].map(([key, by]) => ({ name: DOWNLOADS, key, by })));
    } catch (error) {
      log.warn({ error: errorMessage(error), repositories: hits.size }, 'downloads were not counted yet');
      for (const [key, by] of hits) {
        if (this.hits.size < MAX_KEYS || this.hits.has(key)) this.hits.set(key, (this.hits.get(key) ?? 0) + by);
      }
    }
  }
}

const ofProcess = new WeakMap<Services['db'], Downloads>();

export function downloadsOf(parts: Parts): Downloads {
  const known = ofProcess.get(parts.db);
  if (known !== undefined) return known;
  const made = new Downloads(parts);
  ofProcess.set(parts.db, made);
  return made;
}
