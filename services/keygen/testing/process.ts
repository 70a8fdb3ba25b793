import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../../../lib/clock.ts';
import { metricsEnvironment } from '../../../lib/http/testing/metrics.ts';
import { SigndClient } from '../../../lib/signd/client.ts';
import type { CredentialFiles } from '../../../lib/signd/credentials.ts';
import { secureContextSource } from '../../../lib/signd/credentials.ts';
import { KeygenClient } from '../../../lib/signd/keygen-client.ts';
import type { TestPki } from '../../../lib/signd/testing/pki.ts';
import { createTestPki } from '../../../lib/signd/testing/pki.ts';
import { type RunningService, startService } from '../../../lib/testing/process.ts';

/** The real process with a data directory, certificates and a master key of its own. */

export interface Setup {
  directory: string;
  pki: TestPki;
  environment: Record<string, string>;
}

export type RunningKeygen = RunningService<{ signd: number; http: number; metrics: number; plain?: number }>;

export function prepare(directory: string, overrides: Record<string, string> = {}): Setup {
  const pki = createTestPki(join(directory, 'pki'));
  const server = pki.issue('kopr-keygen');
  const masterKey = join(directory, 'master.key');
  if (!existsSync(masterKey)) writeFileSync(masterKey, randomBytes(32), { mode: 0o600 });
  mkdirSync(join(directory, 'data'), { recursive: true });
  const environment = {
    KOPR_DATA_DIR: join(directory, 'data'),
    KOPR_MASTER_KEY_FILE: masterKey,
    KOPR_TLS_CERT: server.cert,
    KOPR_TLS_KEY: server.key,
    KOPR_TLS_CA: server.ca,
    KOPR_SIGND_PORT: '0',
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
    ...metricsEnvironment(directory),
    KOPR_KEY_BITS: '2048',
    ...overrides,
  };
  return { directory, pki, environment };
}

/** Starts the process; rejects with what it printed when it ends instead of getting ready. */
export function start(setup: Setup, overrides: Record<string, string> = {}): Promise<RunningKeygen> {
  return startService('keygen', join(import.meta.dirname, '..', 'main.ts'), { ...setup.environment, ...overrides });
}

const log = pino({ level: 'silent' });

export function signdClient(
  port: number,
  files: CredentialFiles | undefined,
  backoffMs: readonly number[] = [],
): SigndClient {
  const endpoint = { host: '127.0.0.1', port, ...(files && { secureContext: secureContextSource(files) }) };
  return new SigndClient({ endpoint, clock: systemClock, log, backoffMs });
}

export function keygenClient(port: number, files: CredentialFiles, backoffMs: readonly number[] = []): KeygenClient {
  const endpoint = { host: '127.0.0.1', port, secureContext: secureContextSource(files) };
  return new KeygenClient({ endpoint, clock: systemClock, log, backoffMs });
}
