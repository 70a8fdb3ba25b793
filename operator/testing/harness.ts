/** A client on a fake or real server, with everything a test has to pass in. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { ClusterAccess } from '../access.ts';
import { anonymousAccess } from '../access.ts';
import type { ApiClient, ClientOptions } from '../client.ts';
import { createClient } from '../client.ts';

export const quietLog: Logger = pino({ level: 'silent' });

/** A log whose records a test can look at. */
export function recordingLog(): { log: Logger; records: Record<string, unknown>[] } {
  const records: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'trace', base: null },
    { write: (line: string) => void records.push(JSON.parse(line) as Record<string, unknown>) },
  );
  return { log, records };
}

export function testClient(
  server: string | ClusterAccess,
  more: Partial<Omit<ClientOptions, 'access'>> & { clock?: Clock } = {},
): ApiClient {
  return createClient({
    access: typeof server === 'string' ? anonymousAccess(server) : server,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    userAgent: 'kopr-test',
    random: () => 0.5,
    ...more,
  });
}

/** Polls until `condition` holds, for at most `ms` of real time. `what` names the wait in the error. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
