import { createClient, RESP_TYPES } from '@redis/client';
import type { Clock } from '../clock.ts';
import { atMost } from '../deadline.ts';
import { DeadlineError, errorMessage } from '../errors.ts';
import type { Logger } from '../log.ts';

export interface RedisOptions {
  /** `redis[s]://[user:password@]host[:port]`. A secret: it is never logged. */
  url: string;
  clock: Clock;
  log: Logger;
  /** 0 ≤ n < 1. */
  random: () => number;
}

/** A connection to something that may be away at any time. It comes back by itself; nothing waits for that. */
export interface Redis {
  readonly ready: boolean;
  /** Rejects at once while Redis is away, and with DeadlineError after `timeoutMs`. Strings of the reply are Buffers. */
  command(args: readonly (string | Buffer)[], timeoutMs: number): Promise<unknown>;
  close(): void;
}

const CONNECT_MS = 5_000;
const PING_MS = 3_000;
/** Nothing came for so long, not even the answer to a ping: the connection is dead. */
const SILENCE_MS = 10_000;
const MAX_BACKOFF_MS = 5_000;
/** Commands that wait for their answers; more than that means that Redis does not keep up. */
const MAX_PENDING = 1_000;

export function connectRedis({ url, clock, log, random }: RedisOptions): Redis {
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_PENDING,
    pingInterval: PING_MS,
    maintNotifications: 'disabled',
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (retries) => Math.min(MAX_BACKOFF_MS, 100 * 2 ** Math.min(retries, 10)) * (1 + random() / 4),
    },
  });
  let away = false;
  // Without a listener an error would end the process. One line when Redis goes, not one for each try.
  client.on('error', (error: unknown) => {
    if (!away)
      log.warn({ error: errorMessage(error) }, 'redis is away; live logs come from the stored files until it is back');
    away = true;
  });
  client.on('ready', () => {
    log.info('redis is there');
    away = false;
  });
  client.connect().catch(() => undefined);
  return {
    get ready() {
      return client.isReady;
    },
    async command(args, timeoutMs) {
      const answer = client.sendCommand<unknown>([...args], { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
      const settled = await atMost(
        clock,
        timeoutMs,
        answer.then((value) => ({ value })),
      );
      if (settled === undefined) {
        answer.catch(() => undefined);
        throw new DeadlineError(`${String(args[0])} of redis`, timeoutMs);
      }
      return settled.value;
    },
    close() {
      client.destroy();
    },
  };
}
