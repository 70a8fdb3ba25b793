import type { Logger } from 'pino';
import { pino } from 'pino';

export type { Logger } from 'pino';

/** One JSON line per record on stdout; secrets never reach it because known carriers are removed here too. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['token', '*.token', 'authorization', '*.authorization', 'headers.authorization'], remove: true },
  });
}
