import type { Clock } from '../../lib/clock.ts';
import { DeadlineError, errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { retryDelay } from '../retry.ts';
import type { Access } from './access.ts';
import { Connection } from './connection.ts';
import { ConnectionLost, MachineLost } from './errors.ts';

export interface SessionOptions {
  access: Access;
  clock: Clock;
  /** 0 ≤ n < 1. */
  random: () => number;
  log: Logger;
  /** Ends every wait. */
  signal?: AbortSignal | undefined;
  /** How long the machine may be away. */
  patienceMs: number;
}

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;

/**
 * A machine that is talked to over connections that come and go. Whatever is asked must be safe to ask again: when the
 * connection is lost on the way, it is made anew and the question repeated, until the machine has been away for too long.
 */
export class Session {
  readonly #options: SessionOptions;
  #connection: Connection | undefined;
  #lastContact: number;
  #failures = 0;
  /** Runs on each new connection before anything else does. */
  onConnected: (connection: Connection) => Promise<void> = async () => undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#lastContact = options.clock.monotonic();
  }

  /** Rejects with MachineLost when the machine was away for too long, and with HostKeyError at once. */
  async perform<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const { clock, log, signal } = this.#options;
    for (;;) {
      signal?.throwIfAborted();
      try {
        const result = await work(await this.#connected());
        this.#failures = 0;
        this.#lastContact = clock.monotonic();
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof ConnectionLost) && !(error instanceof DeadlineError)) throw error;
        this.close();
        const away = clock.monotonic() - this.#lastContact;
        if (away > this.#options.patienceMs) {
          const seconds = Math.round(away / 1000);
          throw new MachineLost(`the machine was not reached for ${seconds} s: ${errorMessage(error)}`, {
            cause: error,
          });
        }
        this.#failures++;
        const delay = retryDelay(this.#failures, {
          firstDelayMs: FIRST_DELAY_MS,
          maxDelayMs: MAX_DELAY_MS,
          random: this.#options.random,
        });
        log.warn(
          { reason: errorMessage(error), failures: this.#failures, delayMs: delay },
          'the machine is not reached',
        );
        await clock.sleep(delay, signal);
      }
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connected(): Promise<Connection> {
    const current = this.#connection;
    if (current !== undefined && !current.gone.aborted) return current;
    const { access, clock, signal, log } = this.#options;
    const fresh = await Connection.open(access, clock, signal);
    try {
      await this.onConnected(fresh);
    } catch (error) {
      fresh.close();
      throw error;
    }
    log.info({ machine: access.target.name, host: access.target.host }, 'connected');
    this.#connection = fresh;
    return fresh;
  }
}
