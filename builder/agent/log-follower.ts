import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { LIVE_LOG } from '../paths.ts';
import { readSlice } from './plain-file.ts';
import type { Publisher } from './publisher.ts';
import { DIRECTORY_IN_USE } from './publisher.ts';

const CHUNK = 256 * 1024;

/**
 * Sends the growing live log. All state is one offset, and the publisher's word on it counts: whatever was lost on the
 * way (a reply, the publisher, this process) the copy has neither gap nor repetition.
 */
export class LogFollower {
  readonly #path: string;
  readonly #publisher: Publisher;
  readonly #log: Logger;
  readonly #maxBytes: number;
  #offset = 0;
  #ended = false;

  constructor(resultsDir: string, publisher: Publisher, log: Logger, maxBytes: number) {
    this.#path = join(resultsDir, LIVE_LOG);
    this.#publisher = publisher;
    this.#log = log;
    this.#maxBytes = maxBytes;
  }

  /** Sends one piece. Resolves with false when there is nothing (more) to send; rejects when it should be tried again. */
  async pump(signal: AbortSignal): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = await readSlice(this.#path, this.#offset, Math.min(CHUNK, this.#maxBytes - this.#offset));
    if (chunk.length === 0) return false;
    try {
      const answer = await this.#publisher.appendLog(LIVE_LOG, this.#offset, chunk, signal);
      if (!answer.accepted && answer.size === this.#offset)
        throw new Error('the publisher contradicts itself about the log');
      if (answer.accepted && answer.size <= this.#offset) {
        this.#log.warn({ size: answer.size }, 'the publisher keeps no more of the log');
        this.#ended = true;
        return false;
      }
      this.#offset = answer.size;
      return true;
    } catch (error) {
      // A build whose results nobody will take need not go on.
      if (!(error instanceof TerminalError) || error.code === DIRECTORY_IN_USE) throw error;
      // A log that is refused is no reason to lose the build.
      this.#log.warn({ reason: error.message }, 'the publisher refuses the log');
      this.#ended = true;
      return false;
    }
  }
}
