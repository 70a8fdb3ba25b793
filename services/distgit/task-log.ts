import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, toTimestamp } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';

const MAX_LINE = 2000;

/** What people read about one build's imports, attempt after attempt, at /per-task-logs/<build>.log. */
export class TaskLog {
  private readonly path: string;
  private readonly clock: Clock;
  private readonly log: Logger;

  constructor(path: string, clock: Clock, log: Logger) {
    this.path = path;
    this.clock = clock;
    this.log = log;
  }

  /** Never rejects: an import must not fail, nor its error be lost, because it cannot be written down here. */
  async line(text: string): Promise<void> {
    // Texts quote names out of a stranger's SRPM; terminals must not be driven by them.
    const clean = text.replace(/\p{Cc}+/gu, ' ').slice(0, MAX_LINE);
    try {
      await mkdir(dirname(this.path), { recursive: true });
      await appendFile(this.path, `${toTimestamp(this.clock.now())} ${clean}\n`);
    } catch (error) {
      this.log.warn({ path: this.path, error: errorMessage(error) }, 'per-task log could not be written');
    }
  }
}
